"""How urgent, on which lane, and what may be said in the open."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import reader
from policies.model import Policies
from services.intake.domain import screening
from services.intake.domain.report import PersonFacts, Report


@cache
def policies() -> Policies:
    return reader.load()


def report(**changes: Any) -> Report:
    return Report(**({"report_id": uuid4(), "channel": "website", "kind": "incident"} | changes))


@pytest.mark.parametrize("cause", sorted(reader.load().ess_causes))
def test_an_emergency_is_a_crisis_on_its_own_lane(cause: str) -> None:
    emergency = report(ess_cause=cause, judged="normal")
    assert screening.urgency(emergency, policies()) == "crisis"
    assert screening.lane(emergency, "crisis") == "ess"


def test_a_silent_report_is_a_crisis_but_no_ess() -> None:
    silent = report(silent=True, problem_types=("violence",))
    assert screening.urgency(silent, policies()) == "crisis"
    assert screening.lane(silent, "crisis") == "crisis"


@pytest.mark.parametrize(
    ("problem", "age", "urgency"),
    [
        pytest.param("child_labour", 14, "crisis", id="under-15-at-work"),
        pytest.param("child_labour", 15, "normal", id="fifteen-is-not-under-15"),
        pytest.param("unready_pregnancy", 13, "crisis", id="under-15-pregnant"),
        pytest.param("trafficking", 0, "crisis", id="a-baby-has-an-age"),
        pytest.param("child_labour", None, "normal", id="unknown-age"),
    ],
)
def test_ages_weigh_as_the_policies_say(problem: str, age: int | None, urgency: str) -> None:
    told = report(problem_types=(problem,), people=(PersonFacts(age),))
    assert screening.urgency(told, policies()) == urgency


@given(
    st.sampled_from(["crisis", "urgent", "normal"]),
    st.lists(st.sampled_from(sorted(reader.load().problem_types)), max_size=3, unique=True),
    st.booleans(),
)
def test_screening_never_lowers_what_the_door_judged(
    judged: str, problems: list[str], silent: bool
) -> None:
    order = ["crisis", "urgent", "normal"]
    told = report(judged=judged, problem_types=tuple(problems), silent=silent)
    assert order.index(screening.urgency(told, policies())) <= order.index(judged)


def test_every_lane_has_a_priority_and_emergencies_go_first() -> None:
    order = sorted(screening.PRIORITY, key=screening.PRIORITY.__getitem__)
    assert order == ["ess", "crisis", "urgent", "normal"]


def test_an_emergency_without_a_problem_opens_with_its_causes_own() -> None:
    assert screening.problem_types(report(ess_cause="detention"), policies()) == ("violence",)
    told = report(ess_cause="detention", problem_types=("trafficking",))
    assert screening.problem_types(told, policies()) == ("trafficking",)
    assert screening.problem_types(report(), policies()) == ()


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, ""), (0, "0-6"), (6, "0-6"), (7, "7-14"), (14, "7-14"), (15, "15-17"),
        (17, "15-17"), (18, "18-19"), (19, "18-19"), (20, "20-59"), (59, "20-59"), (60, "60+"),
        (130, "60+"),
    ],
)  # fmt: skip
def test_ages_are_told_in_bands(age: int | None, band: str) -> None:
    assert screening.age_band(age) == band


def test_people_are_told_by_pseudonym_and_group() -> None:
    child = PersonFacts(10, "female", "THA", ("disability",))
    first, second = screening.summaries([child, PersonFacts(70)])
    assert (first.pseudonym, first.age_band, first.sex) == ("P1", "7-14", "female")
    assert first.groups == ("child", "disability")
    assert (second.pseudonym, second.groups) == ("P2", ("elder",))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("ต้องการที่พักคืนนี้ 2 คน", "ต้องการที่พักคืนนี้ 2 คน"),
        ("โทร 000-001-2345 ได้", "โทร *** ได้"),
        ("บัตร 9 1234 56789 01 2", "บัตร ***"),
        ("โทร ๐๐๐๑๒๓๔๕๖๗", "โทร ***"),
        ("mail somchai@home.example now", "mail *** now"),
        ("line\x00one\r\ntwo", "line one  two"),
    ],
)
def test_a_summary_loses_numbers_and_addresses(text: str, clean: str) -> None:
    assert screening.without_identifiers(text) == clean
