"""The demo's judge: a hub that did everything right passes, and each way to go wrong is named."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace

import pytest

from sandbox.demo.expectation import Ending
from sandbox.demo.judgement import DESKS, DemoCase, Evidence, faults
from sandbox.demo.scenario import scenario
from sandbox.national import national_units

UNITS = {unit.id: unit for unit in national_units()}


def unit_of(agency: str, unit_type: str, province: str, nth: int = 0) -> str:
    found = [
        unit.id
        for unit in UNITS.values()
        if (unit.agency, unit.unit_type, unit.province) == (agency, unit_type, province)
    ]
    return found[nth]


def assignment(unit_id: str, state: str = "completed", *, nth: int = 0, replaces: str = "") -> dict:
    return {
        "assignment_id": f"{unit_id}#{nth}",
        "unit_id": unit_id,
        "state": state,
        "replaces": replaces,
        "rule": "violence",
    }


def referral(*assignments: dict, part: str = "lead", state: str = "completed") -> dict:
    kinds = ["submitted", "delivered", "accepted", "reached"]
    return {
        "part": part,
        "state": state,
        "assignments": list(assignments),
        "milestones": [{"kind": kind} for kind in kinds],
    }


def evidence(case: DemoCase, *, alerts=(), mails=()) -> Evidence:
    effects = {agency: Counter() for agency in ("police", "msdhs")}
    for given in case.assignments:
        effects[UNITS[given["unit_id"]].adapter][given["assignment_id"]] = 1
    return Evidence(UNITS, effects, list(alerts), list(mails))


def report(ending: Ending = Ending.COMPLETED, *, problem: str = "violence", ess: bool = False):
    return next(
        report
        for report in scenario()
        if report.expected.ending is ending
        and report.problem == problem
        and report.ess is ess
        and report.province != "10"
        and (ess or report.expected.unit_types == ("provincial_office",))
    )


@pytest.fixture
def case() -> DemoCase:
    told = report()
    office = unit_of("msdhs", "provincial_office", told.province)
    return DemoCase(told, "case-1", "6912-0001", [referral(assignment(office))])


def test_a_case_that_ended_as_it_should_has_no_fault(case):
    assert faults(case, evidence(case)) == []


def test_a_case_that_nobody_took_is_named(case):
    lost = replace(case, referrals=[])
    assert "nobody leads" in faults(lost, evidence(lost))


def test_another_kind_of_unit_is_named(case):
    shelter = unit_of("msdhs", "family_shelter", case.report.province)
    wrong = replace(case, referrals=[referral(assignment(shelter))])
    assert faults(wrong, evidence(wrong)) == ["led by msdhs family_shelter, not msdhs"]


def test_a_supporter_too_many_is_named(case):
    station = unit_of("police", "police_station", case.report.province)
    crowded = replace(
        case, referrals=[*case.referrals, referral(assignment(station), part="supporting")]
    )
    assert faults(crowded, evidence(crowded)) == ["supported by ['police_station'], not []"]


def test_an_effect_that_is_missing_or_doubled_or_elsewhere_is_named(case):
    seen = evidence(case)
    [name] = seen.effects["msdhs"]
    for agency, count, said in (
        ("msdhs", 0, "0 files at msdhs, not 1"),
        ("msdhs", 2, "2 files at msdhs, not 1"),
        ("police", 1, "1 files at police, not 0"),
    ):
        tampered = replace(seen, effects=deepcopy(dict(seen.effects)))
        tampered.effects[agency][name] = count
        assert faults(case, tampered) == [said]


def test_a_step_that_never_came_is_named(case):
    case.referrals[0]["milestones"] = [{"kind": "submitted"}, {"kind": "delivered"}]
    assert faults(case, evidence(case)) == ["never accepted nor reached"]


def test_an_alarm_about_a_person_who_was_reached_is_named(case):
    alert = {"case_id": "case-1", "kind": "reach_overdue", "tier": "central"}
    assert faults(case, evidence(case, alerts=[alert])) == ["alerted as not reached: ['central']"]


def test_an_emergency_that_alerted_nobody_is_named():
    told = report(ess=True)
    station = unit_of("police", "police_station", told.province)
    shelter = unit_of("msdhs", "family_shelter", told.province)
    case = DemoCase(
        told,
        "case-1",
        "6912-0001",
        [referral(assignment(station)), referral(assignment(shelter), part="supporting")],
    )
    assert faults(case, evidence(case)) == ["an emergency that alerted nobody"]
    alert = {"case_id": "case-1", "kind": "ess", "tier": "central"}
    assert faults(case, evidence(case, alerts=[alert])) == []


def declined(told, second_unit: str, **second) -> DemoCase:
    office = unit_of("msdhs", "provincial_office", told.province)
    first = assignment(office, "declined")
    then = assignment(second_unit, nth=1, replaces=first["assignment_id"])
    return DemoCase(told, "case-1", "6912-0001", [referral(first, {**then, **second})])


def test_a_decline_must_be_followed_by_another_unit():
    told = report(Ending.DECLINED_ONCE)
    shelter = unit_of("msdhs", "family_shelter", told.province)
    right = declined(told, shelter)
    assert faults(right, evidence(right)) == []
    same = declined(told, unit_of("msdhs", "provincial_office", told.province))
    assert "the unit that declined was asked again" in faults(same, evidence(same))
    loose = declined(told, shelter, replaces="")
    assert "the second unit does not replace the first" in faults(loose, evidence(loose))


class TestNotReached:
    """After 24 hours three desks are told, and nobody else."""

    @pytest.fixture
    def left(self) -> DemoCase:
        told = report(Ending.NOT_REACHED)
        office = unit_of("msdhs", "provincial_office", told.province)
        case = DemoCase(
            told, "case-1", "6912-0001", [referral(assignment(office, "accepted"), state="active")]
        )
        kinds = ("submitted", "delivered", "accepted")
        case.referrals[0]["milestones"] = [{"kind": kind} for kind in kinds]
        return case

    def seen(self, case: DemoCase, *desks: str, tiers=DESKS) -> Evidence:
        mails = [
            {"to": desk, "subject": f"เกินกรอบเวลา {case.reference}", "body": ""} for desk in desks
        ]
        alerts = [
            {"case_id": case.case_id, "kind": "reach_overdue", "tier": tier} for tier in tiers
        ]
        return evidence(case, alerts=alerts, mails=mails)

    def desks(self, case: DemoCase) -> list[str]:
        province = f"province-{case.report.province}@desk.example"
        return ["central@desk.example", "msdhs@desk.example", province]

    def test_told_in_three_places_is_right(self, left):
        assert faults(left, self.seen(left, *self.desks(left))) == []

    def test_a_desk_without_mail_is_named(self, left):
        central, *others = self.desks(left)
        assert faults(left, self.seen(left, *others)) == [f"no mail to {central}"]

    def test_a_desk_whose_it_is_not_is_named(self, left):
        wrong = "province-10@desk.example"
        found = faults(left, self.seen(left, *self.desks(left), wrong))
        assert found == [f"mail to {wrong}, whose it is not"]

    def test_a_tier_without_an_alert_is_named(self, left):
        seen = self.seen(left, *self.desks(left), tiers=("central", "province"))
        assert faults(left, seen) == ["ministry was not alerted"]

    def test_a_person_who_was_reached_after_all_is_named(self, left):
        left.referrals[0]["milestones"].append({"kind": "reached"})
        seen = self.seen(left, *self.desks(left))
        assert faults(left, seen) == ["reached, though nobody reached the person"]
