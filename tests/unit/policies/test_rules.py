"""Who is asked: the routing that the source documents describe, read from the shipped data."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from policies.model import HOST, Condition, Target
from policies.reader import DATA, load
from policies.rules import Facts, frames_for, match, route

POLICIES = load()
BANGKOK, CHIANG_MAI = "10", "50"


def facts(problem: str, urgency: str = "normal", **other: object) -> Facts:
    known: dict[str, object] = {"channel": "walk_in", "province": CHIANG_MAI, "in_hours": True}
    return Facts(problem, urgency, **(known | other))  # type: ignore[arg-type]


def kinds(chain: tuple[Target, ...]) -> list[tuple[str, ...]]:
    return [(target.agency, *target.unit_types, target.scope) for target in chain]


@pytest.mark.parametrize(
    ("problem", "agency"),
    [
        ("unready_pregnancy", "public_health"),
        ("trafficking", "police"),
        ("child_labour", "labour"),
        ("violence", "msdhs"),
        ("other", "msdhs"),
    ],
)
def test_a_normal_case_goes_first_to_its_host_agency(problem: str, agency: str) -> None:
    assert route(POLICIES, facts(problem)).targets[0].agency == agency


@pytest.mark.parametrize("problem", POLICIES.problem_types)
@pytest.mark.parametrize("in_hours", [True, False])
def test_a_crisis_in_bangkok_gets_the_mobile_unit_first_then_the_shelter(
    problem: str, in_hours: bool
) -> None:
    found = route(POLICIES, facts(problem, "crisis", province=BANGKOK, in_hours=in_hours))
    assert kinds(found.targets) == [
        ("msdhs", "mobile_unit", "province"),
        ("msdhs", "family_shelter", "province"),
    ]


@pytest.mark.parametrize("problem", POLICIES.problem_types)
@pytest.mark.parametrize("in_hours", [True, False])
def test_a_crisis_in_a_province_gets_its_shelter(problem: str, in_hours: bool) -> None:
    found = route(POLICIES, facts(problem, "crisis", in_hours=in_hours))
    assert kinds(found.targets) == [("msdhs", "family_shelter", "province")]


def test_a_trafficking_crisis_tells_the_police_at_once_besides() -> None:
    found = route(POLICIES, facts("trafficking", "crisis"))
    assert [chain[0].agency for chain in found.supporting] == ["police"]


@pytest.mark.parametrize("cause", POLICIES.ess_causes)
def test_ess_alerts_station_and_shelter_together(cause: str) -> None:
    found = route(POLICIES, facts("violence", "crisis", ess_cause=cause, channel="line_ess"))
    assert found.rule == "ess_province"
    assert kinds(found.targets) == [
        ("police", "police_station", "district"),
        ("police", "police_station", "province"),
    ]
    assert [kinds(chain) for chain in found.supporting] == [
        [("msdhs", "family_shelter", "province")]
    ]
    assert found.fallback[-1].unit_types == ("central_desk",)


def test_ess_in_bangkok_alerts_station_and_mobile_unit() -> None:
    found = route(POLICIES, facts("violence", "crisis", ess_cause="threat", province=BANGKOK))
    assert found.supporting[0][0].unit_types == ("mobile_unit",)


def test_violence_goes_to_the_provincial_office_which_bangkok_has_not() -> None:
    assert route(POLICIES, facts("violence")).targets[0].unit_types == ("provincial_office",)
    there = route(POLICIES, facts("violence", province=BANGKOK))
    assert there.targets[0].unit_types == ("family_shelter",)


def test_urgent_violence_at_night_goes_to_the_shelter_that_is_open() -> None:
    found = route(POLICIES, facts("violence", "urgent", in_hours=False))
    assert found.rule == "violence_urgent_out_of_hours"
    assert found.targets[0].unit_types == ("family_shelter",)


def test_every_combination_is_routed_and_ends_at_the_central_desk() -> None:
    for problem, urgency, channel, province, in_hours, cause in product(
        POLICIES.problem_types,
        POLICIES.vocabulary.urgencies,
        POLICIES.vocabulary.channels,
        (BANGKOK, CHIANG_MAI),
        (True, False),
        (None, *POLICIES.ess_causes),
    ):
        found = route(POLICIES, Facts(problem, urgency, channel, province, in_hours, cause))
        assert found.rule is not None
        assert found.targets
        assert found.fallback[-1].unit_types == ("central_desk",)
        named = [t.agency for chain in (found.targets, *found.supporting) for t in chain]
        assert HOST not in named


def test_every_rule_but_the_last_decides_some_case_by_itself() -> None:
    deciding = {
        match(POLICIES.routing.rules, Facts(problem, urgency, "walk_in", place, hours, cause))[0]
        for problem in (*POLICIES.problem_types, "a_fifth")
        for urgency in POLICIES.vocabulary.urgencies
        for place in (BANGKOK, CHIANG_MAI)
        for hours in (True, False)
        for cause in (None, "threat")
    }
    assert {rule.name for rule in POLICIES.routing.rules} == {r.name for r in deciding if r}


def test_an_unknown_place_is_unroutable_and_goes_to_people_at_the_centre() -> None:
    found = route(POLICIES, facts("violence", province=None))
    assert (found.rule, found.reason, found.targets) == (None, "place_unknown", ())
    assert kinds(found.fallback) == [("msdhs", "central_desk", "national")]


def test_a_problem_nobody_knows_is_unroutable() -> None:
    found = route(POLICIES, facts("alien_abduction"))
    assert (found.rule, found.reason) == (None, "problem_type_unknown")


def test_the_reason_names_the_rules_passed_over_and_why() -> None:
    _, reason = match(POLICIES.routing.rules, facts("violence", province=BANGKOK))
    assert reason.startswith("violence_bangkok matched; passed over ess_bangkok (ess),")


def test_the_first_match_wins_over_a_later_one_that_fits_better() -> None:
    first, second = POLICIES.routing.rules[-1], POLICIES.routing.rules[-2]
    rules = (first, replace(second, when=Condition(problem_types=("other",))))
    assert match(rules, facts("other"))[0] is first


def test_a_fifth_problem_type_is_routed_to_its_host_without_a_rule_of_its_own(
    tmp_path: Path,
) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    problems = tmp_path / "data" / "problems.yaml"
    problems.write_text(
        problems.read_text(encoding="utf-8").replace(
            "ess_causes:",
            "  - {code: truancy, name: {th: เด็กหลุดจากระบบ, en: Out of school}, source: proposed,"
            " host_agency: education, template: other, crisis_hints: [], required: [], asked: []}\n"
            "ess_causes:",
        ),
        encoding="utf-8",
    )
    grown = load(tmp_path / "data")
    assert route(grown, facts("truancy")).targets[0].agency == "education"
    assert route(grown, facts("truancy", "crisis")).supporting[0][0].agency == "education"
    assert frames_for(grown, problem_type="truancy", urgency="normal", ess=False)[0].id == "reach"


@pytest.mark.parametrize(
    ("urgency", "budgets"),
    [
        ("crisis", {"reach": 1440, "accept": 5, "first_contact": 60, "closure": 43200}),
        ("urgent", {"reach": 1440, "accept": 30, "first_contact": 240, "closure": 86400}),
        ("normal", {"reach": 1440, "accept": 240, "closure": 86400}),
    ],
)
def test_each_urgency_has_its_time_frames_in_minutes(urgency: str, budgets: dict[str, int]) -> None:
    frames = frames_for(POLICIES, problem_type="violence", urgency=urgency, ess=False)
    assert {f.step: f.budget // timedelta(minutes=1) for f in frames} == budgets


def test_only_acceptance_of_a_normal_case_pauses_out_of_hours() -> None:
    working = [f.id for f in POLICIES.time_frames if f.measure == "working"]
    assert working == ["accept_normal"]
