"""The domain's rules, asked of the shipped policies over the whole national registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from directory.decide import Decider, Question
from directory.model import Place, Snapshot
from policies.reader import load
from policies.rules import Facts, route
from sandbox.national import national_units

POLICIES = load()
SNAPSHOT = Snapshot.of(3, national_units())
DECIDER = Decider(POLICIES)
MONDAY_NOON = datetime(2026, 4, 20, 5, 0, tzinfo=UTC)
SONGKRAN_NIGHT = datetime(2026, 4, 13, 15, 0, tzinfo=UTC)
MAE_RIM, MUEANG_CHIANG_MAI, PHRA_NAKHON = "5007", "5001", "1001"


def decide(place, problem, urgency="urgent", at=MONDAY_NOON, **fields):
    return DECIDER.decide(SNAPSHOT, Question(Place.of(place), problem, urgency, at, **fields))


def lead(decision):
    return SNAPSHOT.units[decision.lead.chosen.unit_id]


def supporters(decision):
    return [SNAPSHOT.units[found.chosen.unit_id].unit_type for found in decision.supporting]


@pytest.mark.parametrize(
    ("problem", "unit_type", "supporting"),
    [
        ("unready_pregnancy", "hospital", []),
        ("trafficking", "police_station", ["provincial_office"]),
        ("child_labour", "labour_centre", ["provincial_office"]),
        ("violence", "provincial_office", []),
        ("other", "family_shelter", []),
    ],
)
def test_in_a_province_each_problem_goes_to_its_host(problem, unit_type, supporting):
    decision = decide(MAE_RIM, problem)
    assert lead(decision).unit_type == unit_type
    assert lead(decision).province == "50"
    assert supporters(decision) == supporting


@pytest.mark.parametrize(
    ("problem", "unit_type"),
    [
        ("unready_pregnancy", "bangkok_hospital"),
        ("trafficking", "police_station"),
        ("child_labour", "labour_office"),
        ("violence", "family_shelter"),
        ("other", "family_shelter"),
    ],
)
def test_in_bangkok_there_is_no_provincial_office_to_ask(problem, unit_type):
    assert lead(decide(PHRA_NAKHON, problem)).unit_type == unit_type


@pytest.mark.parametrize("problem", POLICIES.problem_types)
def test_a_crisis_goes_to_the_mobile_unit_in_bangkok_and_to_the_shelter_elsewhere(problem):
    in_bangkok = decide(PHRA_NAKHON, problem, "crisis", SONGKRAN_NIGHT)
    assert lead(in_bangkok).unit_type == "mobile_unit"
    assert SNAPSHOT.units[in_bangkok.lead.ranked[1].unit_id].unit_type == "family_shelter"
    assert lead(decide(MAE_RIM, problem, "crisis", SONGKRAN_NIGHT)).unit_type == "family_shelter"


@pytest.mark.parametrize("cause", POLICIES.ess_causes)
def test_ess_alerts_the_local_station_and_the_shelter_together(cause):
    decision = decide(MAE_RIM, "violence", "crisis", SONGKRAN_NIGHT, ess_cause=cause)
    assert lead(decision).unit_type == "police_station"
    assert lead(decision).district == MAE_RIM
    assert supporters(decision) == ["family_shelter"]


def test_a_district_without_a_hospital_goes_to_the_one_that_answers_for_it():
    with_hospital = {u.district for u in SNAPSHOT.units.values() if u.unit_type == "hospital"}
    (without, *_) = sorted(
        {u.district for u in SNAPSHOT.units.values() if u.province != "10"} - with_hospital
    )
    decision = decide(without, "unready_pregnancy")
    assert lead(decision).district != without
    assert without in lead(decision).coverage
    assert decision.lead.steps == ("district",)


def test_urgent_violence_at_night_goes_to_the_shelter_and_normal_waits_for_the_office():
    assert lead(decide(MAE_RIM, "violence", "urgent", SONGKRAN_NIGHT)).unit_type == "family_shelter"
    waiting = decide(MAE_RIM, "violence", "normal", SONGKRAN_NIGHT)
    assert lead(waiting).unit_type == "provincial_office"
    assert waiting.lead.chosen.reason == "chosen_opens_later"


def test_when_no_labour_office_is_open_an_urgent_case_goes_to_the_desk_of_the_province():
    decision = decide(MAE_RIM, "child_labour", "urgent", SONGKRAN_NIGHT)
    assert lead(decision).unit_type == "province_desk"
    assert lead(decision).province == "50"
    assert decision.lead.steps == ("province", "national", "province_desk")
    assert {c.reason for c in decision.lead.passed_over} == {"not_on_duty"}


def test_a_decline_finds_the_next_unit_and_names_the_one_that_declined():
    first = decide(MAE_RIM, "trafficking").lead
    second = decide(MAE_RIM, "trafficking", declined=frozenset({first.chosen.unit_id})).lead
    assert second.chosen.unit_id == first.ranked[1].unit_id
    assert (first.chosen.unit_id, "declined_before") in {
        (c.unit_id, c.reason) for c in second.passed_over
    }


def test_a_supporter_is_never_the_lead_over_again():
    rule = next(r for r in POLICIES.routing.rules if r.name == "trafficking")
    twice = replace(rule, supporting=(rule.targets, rule.targets))
    policies = replace(POLICIES, routing=replace(POLICIES.routing, rules=(twice,)))
    question = Question(Place.of(MAE_RIM), "trafficking", "urgent", MONDAY_NOON)
    decision = Decider(policies).decide(SNAPSHOT, question)
    asked = [decision.lead.chosen, *(found.chosen for found in decision.supporting)]
    assert len({c.unit_id for c in asked}) == 3


@pytest.mark.parametrize("place", ["", "99"])
def test_what_cannot_be_placed_goes_to_the_central_desk_and_says_how(place):
    decision = decide(place, "violence")
    assert lead(decision).tier == "central"
    assert decision.lead.steps[-1] == "central_desk"


def test_a_problem_that_nobody_knows_goes_to_the_central_desk():
    decision = decide(MAE_RIM, "unheard_of")
    assert lead(decision).tier == "central"
    assert (decision.rule, decision.reason) == (None, "problem_type_unknown")


def test_an_agency_under_suspicion_learns_nothing_not_even_at_its_desks():
    decision = decide(MAE_RIM, "violence", excluded=frozenset({"agency:msdhs"}))
    assert decision.lead.chosen is None
    assert {c.reason for c in decision.lead.passed_over} == {"excluded"}


def test_the_same_question_gets_the_same_answer():
    assert decide(MAE_RIM, "trafficking") == Decider(POLICIES).decide(
        SNAPSHOT, Question(Place.of(MAE_RIM), "trafficking", "urgent", MONDAY_NOON)
    )


@pytest.mark.parametrize(
    ("urgency", "at", "cause"),
    list(
        product(
            POLICIES.vocabulary.urgencies,
            (MONDAY_NOON, SONGKRAN_NIGHT),
            (None, "sexual_abuse_risk"),
        )
    ),
)
def test_no_district_is_left_without_an_answer_or_a_supporter_that_policy_names(urgency, at, cause):
    districts = {u.district for u in SNAPSHOT.units.values()}
    for district, problem in product(sorted(districts), POLICIES.problem_types):
        decision = decide(district, problem, urgency, at, ess_cause=cause)
        assert decision.rule is not None
        assert district[:2] in (lead(decision).province, *lead(decision).coverage)
        named = route(
            POLICIES, Facts(problem, urgency, "", district[:2], at == MONDAY_NOON, cause)
        ).supporting
        assert len(decision.supporting) == len(named), (decision.rule, problem, district)


def test_one_part_of_a_case_can_be_decided_again_without_the_others():
    decision = decide(MAE_RIM, "trafficking")
    (office,) = decision.supporting
    question = Question(
        Place.of(MAE_RIM),
        "trafficking",
        "urgent",
        MONDAY_NOON,
        declined=frozenset({office.chosen.unit_id}),
        taking_part=frozenset({decision.lead.chosen.unit_id}),
    )
    again = DECIDER.decide_again(SNAPSHOT, question, decision.chains[0])
    assert lead(again).unit_type == "province_desk"
    assert again.supporting == ()
