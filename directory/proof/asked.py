"""Every question that the directory must answer, whatever the place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from directory.decide import NORMAL, OFFICE_HOURS
from directory.proof.classes import HourClass
from directory.resolve import ANY_PROBLEM
from policies.coverage import BANGKOK, PROVINCE
from policies.model import HOST, Policies, Target
from policies.rules import BANGKOK as BANGKOK_CODE
from policies.rules import Facts, route

ROUTING, DUTY = "routing", "duty"
CRISIS = "crisis"
ANY = "any"
AREAS = {BANGKOK: BANGKOK_CODE, PROVINCE: "50"}
"""Rules look at a province only to tell Bangkok from the others: one stands for all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the chains that policy gives for it, and by what a unit is judged."""

    kind: str
    by: str
    """The routing rule or the duty's role; empty when no rule matched."""
    problem_type: str
    urgency: str
    ess_cause: str
    channel: str
    area: str
    """`bangkok` or `province`."""
    hours: HourClass
    may_wait: bool
    targets: tuple[Target, ...]
    fallback: tuple[Target, ...]
    supporting: tuple[tuple[Target, ...], ...] = ()

    @property
    def role(self) -> str:
        return self.targets[0].role if self.targets else ""

    @property
    def name(self) -> str:
        """Return what it is called in a report."""
        what = f"ess:{self.ess_cause}" if self.ess_cause else self.urgency
        channel = f" by {self.channel}" if self.channel else ""
        who = self.by or "no rule"
        return f"{who} · {self.problem_type} · {what} · {self.hours.name}{channel}"


def every_question(policies: Policies, classes: tuple[HourClass, ...]) -> Iterator[Asked]:
    """Yield all of them: routing's by problem, urgency, emergency and channel, then the duties'."""
    for area, hours in product(AREAS, classes):
        yield from _routing(policies, area, hours)
        yield from _duties(policies, area, hours)


def _routing(policies: Policies, area: str, hours: HourClass) -> Iterator[Asked]:
    special = {c for rule in policies.routing.rules for c in rule.when.channels}
    kinds = [
        *((p, u, "") for p in policies.problem_types for u in policies.vocabulary.urgencies),
        *((cause.problem_type, CRISIS, code) for code, cause in policies.ess_causes.items()),
    ]
    for (problem, urgency, cause), channel in product(kinds, ("", *sorted(special))):
        facts = Facts(
            problem_type=problem,
            urgency=urgency,
            channel=channel,
            province=AREAS[area],
            in_hours=OFFICE_HOURS in hours.open_calendars,
            ess_cause=cause or None,
        )
        chains = route(policies, facts)
        yield Asked(
            kind=ROUTING,
            by=chains.rule or "",
            problem_type=problem,
            urgency=urgency,
            ess_cause=cause,
            channel=channel,
            area=area,
            hours=hours,
            may_wait=urgency == NORMAL and not cause,
            targets=chains.targets,
            fallback=chains.fallback,
            supporting=chains.supporting,
        )


def _duties(policies: Policies, area: str, hours: HourClass) -> Iterator[Asked]:
    for duty in policies.coverage.duties:
        problems = (ANY,) if duty.role in ANY_PROBLEM else tuple(policies.problem_types)
        for problem in problems:
            yield Asked(
                kind=DUTY,
                by=duty.role,
                problem_type=problem,
                urgency="",
                ess_cause="",
                channel="",
                area=area,
                hours=hours,
                may_wait=False,
                targets=_hosted(policies, duty.chain, problem),
                fallback=policies.routing.fallbacks[duty.fallback],
            )


def _hosted(policies: Policies, chain: tuple[Target, ...], problem: str) -> tuple[Target, ...]:
    if problem == ANY:
        return chain
    host = policies.problem_types[problem].host_agency
    return tuple(
        Target(host, t.role, t.unit_types, t.scope) if t.agency == HOST else t for t in chain
    )
