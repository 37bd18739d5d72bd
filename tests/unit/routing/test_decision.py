"""Who is asked: one referral a problem, one lead a case, nobody who is excluded."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from directory.decide import Decider
from directory.model import Place, Snapshot
from services.routing.domain.decision import Asked, Choice, open_referrals, search_again
from services.routing.domain.model import Assignment, CaseFacts, State
from tests.fakes.town import NOWHERE, town, unit
from tests.unit.routing.making import NIGHT, NOW, POLICIES, facts

DECIDER = Decider(POLICIES)
TOWN = town()


def asked(case: CaseFacts, snapshot: Snapshot = TOWN) -> list[tuple[str, str, str]]:
    """Return (problem, part, unit) of each referral of the case."""
    return [
        (choice.problem_type, choice.part, choice.unit.id if choice.unit else "")
        for choice in open_referrals(case, DECIDER, snapshot, now=NOW)
    ]


@pytest.mark.parametrize(
    ("problem", "units"),
    [
        ("unready_pregnancy", ["HOSPITAL-1"]),
        ("trafficking", ["STATION-1", "OFFICE"]),
        ("child_labour", ["LABOUR", "OFFICE"]),
        ("violence", ["OFFICE"]),
        ("other", ["SHELTER"]),
    ],
)
def test_each_problem_goes_to_its_host_and_those_who_support_it(
    problem: str, units: list[str]
) -> None:
    found = asked(facts(problem))
    assert [unit_id for _, _, unit_id in found] == units
    assert [part for _, part, _ in found] == ["lead", *["supporting"] * (len(units) - 1)]


def test_an_emergency_asks_station_and_shelter_together() -> None:
    emergency = facts("violence", ess_cause="threat", urgency="crisis", channel="line_ess")
    assert asked(emergency) == [
        ("violence", "lead", "STATION-1"),
        ("violence", "supporting", "SHELTER"),
    ]


def test_several_problems_are_one_case_with_one_lead_and_no_unit_supports_twice() -> None:
    assert asked(facts("trafficking", "child_labour", "trafficking")) == [
        ("trafficking", "lead", "STATION-1"),
        ("trafficking", "supporting", "OFFICE"),
        ("child_labour", "supporting", "LABOUR"),
    ]


@pytest.mark.parametrize("kind", ["incident", "complaint", "tip"])
def test_every_kind_of_report_is_routed(kind: str) -> None:
    assert asked(facts("other", kind=kind)) == [("other", "lead", "SHELTER")]


def test_a_case_without_a_problem_is_of_its_cause_or_other() -> None:
    bare = replace(facts(), problem_types=())
    assert asked(bare)[0][0] == "other"
    assert asked(replace(bare, ess_cause="detention", urgency="crisis"))[0][0] == "violence"


def test_an_unknown_problem_or_place_goes_to_the_central_desk_and_says_so() -> None:
    for case in (facts("homesickness"), facts("other", place=Place())):
        (choice,) = open_referrals(case, DECIDER, TOWN, now=NOW)
        assert choice.unit is not None
        assert choice.unit.id == "CENTRAL-DESK"
        assert choice.unroutable
        assert choice.rule == "no_rule"


def test_a_province_without_units_falls_back_step_by_step() -> None:
    far = facts("other", place=Place.of(NOWHERE))
    (choice,) = open_referrals(far, DECIDER, TOWN, now=NOW)
    assert choice.unit is not None
    assert choice.unit.id == "CENTRAL-DESK"
    assert choice.resolution.steps == ("province", "province_desk", "central_desk")
    assert choice.unroutable


def test_a_province_desk_is_an_answer_not_an_alarm() -> None:
    (choice,) = open_referrals(facts("other"), DECIDER, town(without=("SHELTER",)), now=NOW)
    assert choice.unit is not None
    assert choice.unit.id == "PROVINCE-DESK"
    assert not choice.unroutable


@pytest.mark.parametrize("excluded", ["STATION-1", "agency:police"])
def test_whoever_is_excluded_is_never_chosen(excluded: str) -> None:
    case = facts("trafficking", excluded=frozenset((excluded,)))
    for choice in open_referrals(case, DECIDER, TOWN, now=NOW):
        assert choice.unit is not None
        assert choice.unit.id != excluded
        assert f"agency:{choice.unit.agency}" != excluded


def test_when_everybody_is_excluded_the_referral_waits_without_a_unit() -> None:
    everybody = frozenset(f"agency:{agency}" for agency in POLICIES.agencies)
    (choice,) = open_referrals(facts("other", excluded=everybody), DECIDER, TOWN, now=NOW)
    assert choice.unit is None
    assert choice.assignment is None
    assert choice.unroutable


def test_the_same_case_at_the_same_instant_has_the_same_ids_and_another_has_others() -> None:
    first, again = (open_referrals(facts("other"), DECIDER, TOWN, now=NOW) for _ in range(2))
    later = open_referrals(facts("other"), DECIDER, TOWN, now=NOW + timedelta(seconds=1))
    assert first == again
    assert first[0].decision_id < later[0].decision_id
    assert first[0].referral_id != later[0].referral_id


def end(choice: Choice, state: State) -> Assignment:
    assert choice.assignment is not None
    return replace(choice.assignment, state=state)


def again(
    case: CaseFacts, ended: Assignment, others: list[Asked], *, snapshot: Snapshot = TOWN
) -> Choice:
    before = [Asked(ended.referral_id, ended.unit_id, ended.agency, ended.state), *others]
    return search_again(case, ended, before, DECIDER, snapshot, now=NOW + timedelta(hours=1))


def test_a_decline_finds_the_next_unit_which_replaces_the_first() -> None:
    case = facts("unready_pregnancy")
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    second = again(case, end(first, State.DECLINED), [])
    assert second.unit is not None
    assert second.unit.id == "HOSPITAL-2"
    assert second.assignment is not None
    assert second.assignment.replaces == first.decision_id
    assert second.referral_id == first.referral_id
    assert ("HOSPITAL-1", "declined_before") in [
        (c.unit_id, c.reason) for c in second.resolution.passed_over
    ]


def test_the_host_may_decline_once_in_a_referral() -> None:
    case = facts("unready_pregnancy")
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    assert first.assignment is not None
    assert first.assignment.may_decline
    second = again(case, end(first, State.DECLINED), [])
    assert second.assignment is not None
    assert not second.assignment.may_decline
    declined = Asked(first.referral_id, "HOSPITAL-1", "public_health", State.DECLINED)
    third = again(case, end(second, State.FAILED), [declined])
    assert third.unit is not None
    assert third.unit.id == "HOSPITAL-3"
    assert third.assignment is not None
    assert not third.assignment.may_decline


def test_failing_or_handing_over_is_not_declining() -> None:
    case = facts("unready_pregnancy")
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    for state in (State.FAILED, State.TRANSFERRED):
        second = again(case, end(first, state), [])
        assert second.assignment is not None
        assert second.assignment.may_decline


def test_an_agency_that_is_not_the_host_may_decline_as_often_as_it_is_asked() -> None:
    case = facts("violence", ess_cause="threat", urgency="crisis")
    first = open_referrals(case, DECIDER, TOWN, now=NOW)[0]
    second = again(case, end(first, State.DECLINED), [])
    assert second.unit is not None
    assert second.unit.id == "STATION-2"
    assert second.assignment is not None
    assert second.assignment.may_decline


def test_a_supporting_part_that_nobody_takes_goes_to_a_desk_and_never_to_who_takes_part() -> None:
    case = facts("violence", ess_cause="threat", urgency="crisis")
    lead, support = open_referrals(case, DECIDER, TOWN, now=NOW)
    assert lead.unit is not None
    others = [Asked(lead.referral_id, lead.unit.id, "police", State.ACCEPTED)]
    next_one = again(case, end(support, State.DECLINED), others)
    assert next_one.unit is not None
    # The emergency's fallback asks another station before a desk; never the one that leads.
    assert next_one.unit.id == "STATION-2"
    assert next_one.part == "supporting"
    assert next_one.track == support.track


def test_the_last_desk_is_asked_again_for_nobody_stands_behind_it() -> None:
    case = facts("homesickness")
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    second = again(case, end(first, State.DECLINED), [])
    assert second.unit is not None
    assert second.unit.id == "CENTRAL-DESK"
    assert second.unroutable


def test_an_exclusion_holds_in_every_search() -> None:
    case = facts("unready_pregnancy", excluded=frozenset(("HOSPITAL-2",)))
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    second = again(case, end(first, State.DECLINED), [])
    assert second.unit is not None
    assert second.unit.id == "HOSPITAL-3"


def test_a_unit_that_vanished_between_two_releases_is_not_asked() -> None:
    case = facts("unready_pregnancy")
    (first,) = open_referrals(case, DECIDER, TOWN, now=NOW)
    second = again(case, end(first, State.DECLINED), [], snapshot=town(2, without=("HOSPITAL-2",)))
    assert second.unit is not None
    assert second.unit.id == "HOSPITAL-3"
    assert second.resolution.version == 2


def test_at_night_an_urgent_case_goes_where_somebody_is_awake() -> None:
    case = facts("violence", urgency="urgent")
    (by_night,) = open_referrals(case, DECIDER, TOWN, now=NIGHT)
    assert by_night.unit is not None
    assert by_night.unit.id == "SHELTER"
    assert by_night.rule == "violence_urgent_out_of_hours"


def test_a_unit_without_a_system_is_assigned_all_the_same() -> None:
    paper = unit("SHELTER", "msdhs", "family_shelter", "responder", "front_line_2", adapter="")
    (choice,) = open_referrals(facts("other"), DECIDER, town(2, shelter=paper), now=NOW)
    assert choice.assignment is not None
    assert choice.assignment.adapter == ""


def test_the_last_desk_takes_a_second_part_rather_than_nobody() -> None:
    case = facts("child_labour")
    lead, support = open_referrals(case, DECIDER, TOWN, now=NOW)
    tried = [
        Asked(support.referral_id, unit_id, "msdhs", State.DECLINED)
        for unit_id in ("OFFICE", "PROVINCE-DESK")
    ]
    held = Asked(lead.referral_id, "CENTRAL-DESK", "msdhs", State.ACCEPTED)
    next_one = again(case, end(support, State.TRANSFERRED), [*tried, held])
    assert next_one.unit is not None
    assert next_one.unit.id == "CENTRAL-DESK"
