"""Whether the hub did what it should: pure, over what clients and agencies saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from directory.model import Unit
from sandbox.demo.expectation import Ending
from sandbox.demo.scenario import DemoReport

Json = dict[str, Any]
LEAD = "lead"
HELD = frozenset({"accepted", "in_progress", "completed"})
REACH_OVERDUE = "reach_overdue"
DESKS = ("central", "ministry", "province")


@dataclass(slots=True)
class DemoCase:
    """A report that was taken, and what its clients see of it."""

    report: DemoReport
    case_id: str
    reference: str
    referrals: list[Json] = field(default_factory=list)

    @property
    def lead(self) -> list[Json]:
        """Return the assignments of the lead referral, oldest first."""
        return [a for r in self.referrals if r["part"] == LEAD for a in r["assignments"]]

    @property
    def assignments(self) -> list[Json]:
        """Return all assignments."""
        return [a for referral in self.referrals for a in referral["assignments"]]

    def milestones(self) -> set[str]:
        """Return the kinds of milestones that the case has passed."""
        return {m["kind"] for referral in self.referrals for m in referral["milestones"]}

    def settled(self) -> bool:
        """Tell whether nothing more is to come until time passes."""
        if not self.referrals:
            return False
        if self.report.expected.ending is Ending.NOT_REACHED:
            return all(self._last(r)["state"] in HELD for r in self.referrals)
        return all(referral["state"] == "completed" for referral in self.referrals)

    @staticmethod
    def _last(referral: Json) -> Json:
        found: Json = referral["assignments"][-1]
        return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen besides the cases themselves."""

    units: Mapping[str, Unit]
    effects: Mapping[str, Counter[str]]
    """Agency to assignment id to how many files it opened for it, by its own books."""
    alerts: Sequence[Json]
    mails: Sequence[Json]
    news: int = 0
    """Pieces of news that came back to the foundation that reports as an agency."""


def nobody_told_the_sender(cases: Sequence[DemoCase], seen: Evidence) -> bool:
    """Tell whether fewer pieces of news came back than an agency sent reports."""
    return seen.news < sum(case.report.channel == "agency" for case in cases)


def faults(case: DemoCase, seen: Evidence) -> list[str]:
    """Return everything about the case that is not as the scenario says; empty when all is."""
    return [
        *_wrong_units(case, seen),
        *_wrong_ending(case, seen),
        *_wrong_effects(case, seen),
        *_wrong_alerts(case, seen),
    ]


def _wrong_units(case: DemoCase, seen: Evidence) -> Iterator[str]:
    expected = case.report.expected
    if not case.lead:
        yield "nobody leads"
        return
    first = seen.units[case.lead[0]["unit_id"]]
    if (first.agency, first.unit_type) not in {(expected.agency, t) for t in expected.unit_types}:
        yield f"led by {first.agency} {first.unit_type}, not {expected.agency}"
    wanted = sorted(expected.supporting)
    types = sorted(
        seen.units[referral["assignments"][0]["unit_id"]].unit_type
        for referral in case.referrals
        if referral["part"] != LEAD
    )
    if len(types) != len(wanted) or any(t not in w for t, w in zip(types, wanted, strict=False)):
        yield f"supported by {types}, not {wanted}"


def _wrong_ending(case: DemoCase, seen: Evidence) -> Iterator[str]:
    ending = case.report.expected.ending
    states = [assignment["state"] for assignment in case.lead]
    if ending is Ending.DECLINED_ONCE:
        if states != ["declined", "completed"]:
            yield f"declined once, then completed, was {states}"
        elif case.lead[1]["replaces"] != case.lead[0]["assignment_id"]:
            yield "the second unit does not replace the first"
        elif case.lead[0]["unit_id"] == case.lead[1]["unit_id"]:
            yield "the unit that declined was asked again"
    elif ending is Ending.NOT_REACHED:
        if "reached" in case.milestones():
            yield "reached, though nobody reached the person"
    elif states != ["completed"]:
        yield f"completed, was {states}"
    wanted = {"accepted"}
    if ending is not Ending.NOT_REACHED:
        wanted.add("reached")
    if any(seen.units[assignment["unit_id"]].adapter for assignment in case.assignments):
        wanted.add("delivered")  # a desk has no system of its own to deliver to
    missing = wanted - case.milestones()
    if missing:
        yield f"never {' nor '.join(sorted(missing))}"


def _wrong_effects(case: DemoCase, seen: Evidence) -> Iterator[str]:
    """Each assignment opened one file at its agency, and none anywhere else."""
    for assignment in case.assignments:
        assignment_id = assignment["assignment_id"]
        adapter = seen.units[assignment["unit_id"]].adapter
        for agency, effects in seen.effects.items():
            wanted = 1 if agency == adapter else 0
            if effects[assignment_id] != wanted:
                yield f"{effects[assignment_id]} files at {agency}, not {wanted}"


def _wrong_alerts(case: DemoCase, seen: Evidence) -> Iterator[str]:
    mine = [alert for alert in seen.alerts if alert["case_id"] == case.case_id]
    told = {mail["to"] for mail in seen.mails if case.reference in mail["subject"] + mail["body"]}
    desks = {address for address in told if address.endswith("@desk.example")}
    overdue = {alert["tier"] for alert in mine if alert["kind"] == REACH_OVERDUE}
    if case.report.expected.ending is Ending.NOT_REACHED:
        yield from (f"{tier} was not alerted" for tier in DESKS if tier not in overdue)
        yield from _wrong_desks(case, desks, seen)
    elif overdue:
        yield f"alerted as not reached: {sorted(overdue)}"
    if not case.report.province and not any(alert["kind"] == "unroutable" for alert in mine):
        yield "nobody was told that it could not be routed"
    if case.report.ess and not any(alert["kind"] == "ess" for alert in mine):
        yield "an emergency that alerted nobody"


def _wrong_desks(case: DemoCase, told: set[str], seen: Evidence) -> Iterator[str]:
    """The centre, the holder's ministry and the province of the incident; nobody else."""
    ministry = seen.units[case.lead[-1]["unit_id"]].ministry
    must = {
        _address(seen, "central"),
        _address(seen, "ministry", ministry=ministry),
        _address(seen, "province", province=case.report.province),
    }
    # Who supports is told as a ministry too: it holds a part of the work.
    may = {
        _address(seen, "ministry", ministry=seen.units[a["unit_id"]].ministry)
        for a in case.assignments
    }
    yield from (f"no mail to {desk}" for desk in sorted(must - told))
    yield from (f"mail to {desk}, whose it is not" for desk in sorted(told - must - may))


def _address(seen: Evidence, tier: str, *, ministry: str = "", province: str = "") -> str:
    return next(
        unit.email
        for unit in seen.units.values()
        if unit.tier == tier
        and (not ministry or unit.ministry == ministry)
        and (not province or unit.province == province)
    )
