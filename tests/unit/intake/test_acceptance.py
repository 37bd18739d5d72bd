"""What a report must be to be stored, and what it need not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import pytest

from policies import reader
from policies.model import Policies
from services.intake.domain import acceptance
from services.intake.domain.areas import Areas, completed
from services.intake.domain.report import PersonFacts, Place, Report
from services.intake.geography import areas

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@cache
def policies() -> Policies:
    return reader.load()


@cache
def in_force() -> Areas:
    return areas()


def reasons(**changes: Any) -> list[tuple[str, str]]:
    whole = {
        "report_id": uuid4(),
        "channel": "website",
        "kind": "incident",
        "problem_types": ("violence",),
    }
    report = Report(**(whole | changes))
    found = acceptance.faults(report, areas_in_force=in_force(), policies=policies(), now=NOW)
    return [(fault.field, fault.reason) for fault in found]


def at(**codes: Any) -> Place:
    return completed(Place(**codes))


def test_the_codes_of_the_whole_country_are_known() -> None:
    known = in_force()
    assert (len(known.provinces), len(known.districts), len(known.subdistricts)) == (77, 928, 7436)


@pytest.mark.parametrize(
    "told",
    [
        {"problem_types": ("violence",)},
        {"problem_types": (), "ess_cause": "threat"},
        {"problem_types": (), "place": Place(province="50")},
        {"problem_types": (), "place": Place(latitude=13.7, longitude=100.5)},
        {"problem_types": (), "told": True},
    ],
)
def test_a_problem_or_a_place_or_a_story_is_enough(told: dict[str, Any]) -> None:
    assert reasons(**told) == []


def test_nothing_at_all_is_too_little() -> None:
    assert reasons(problem_types=()) == [("report", "NOTHING_TOLD")]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"problem_types": ("violence", "ghosts")}, "problem_types[1]", "UNKNOWN_PROBLEM_TYPE"),
        ({"ess_cause": "boredom"}, "ess_cause", "UNKNOWN_ESS_CAUSE"),
        ({"place": at(province="99")}, "place.province_code", "UNKNOWN_PROVINCE"),
        ({"place": at(district="5099")}, "place.district_code", "UNKNOWN_DISTRICT"),
        ({"place": at(subdistrict="500199")}, "place.subdistrict_code", "UNKNOWN_SUBDISTRICT"),
        (
            {"place": at(province="10", district="5001")},
            "place.district_code",
            "DISTRICT_OUTSIDE_PROVINCE",
        ),
        (
            {"place": at(district="5001", subdistrict="500301")},
            "place.subdistrict_code",
            "SUBDISTRICT_OUTSIDE_DISTRICT",
        ),
        ({"place": at(latitude=51.5, longitude=0.1)}, "place.point", "OUTSIDE_THAILAND"),
        ({"place": at(latitude=100.5, longitude=13.7)}, "place.point", "OUTSIDE_THAILAND"),
        ({"occurred_at": NOW + timedelta(minutes=11)}, "occurred_at", "IN_THE_FUTURE"),
        ({"reported_at": NOW + timedelta(minutes=11)}, "reported_at", "IN_THE_FUTURE"),
        ({"language": "Thai"}, "language", "UNKNOWN_LANGUAGE"),
        ({"receiving_unit_id": "สมชาย"}, "receiving_unit_id", "UNKNOWN_UNIT"),
        ({"excluded": ("agency:ghosts",)}, "excluded[0]", "UNKNOWN_EXCLUSION"),
        ({"excluded": ("TH-1", "ร.ต.อ. สมชาย")}, "excluded[1]", "UNKNOWN_EXCLUSION"),
        ({"people": (PersonFacts(sex="f"),)}, "people[0].sex", "UNKNOWN_SEX"),
        (
            {"people": (PersonFacts(nationality="th"),)},
            "people[0].nationality",
            "UNKNOWN_NATIONALITY",
        ),
        ({"people": (PersonFacts(groups=("สมศรี",)),)}, "people[0].groups", "UNKNOWN_GROUP"),
        ({"safe_contact": {"channels": ["drone"]}}, "safe_contact.channels", "UNKNOWN_CHANNEL"),
        ({"safe_contact": {"language": "TH"}}, "safe_contact.language", "UNKNOWN_LANGUAGE"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str, reason: str) -> None:
    assert reasons(**changes) == [(field, reason)]


def test_clocks_may_differ_by_ten_minutes() -> None:
    assert reasons(reported_at=NOW + timedelta(minutes=10), occurred_at=NOW) == []


def test_everything_wrong_is_told_at_once() -> None:
    assert len(reasons(ess_cause="boredom", language="x", place=at(province="99"))) == 3


@pytest.mark.parametrize("entry", ["agency:police", "TH-RTP-5001-001", "officer:RTP.12345"])
def test_agencies_units_and_officers_can_be_excluded(entry: str) -> None:
    assert reasons(excluded=(entry,)) == []


def test_a_narrow_code_gives_the_wide_ones() -> None:
    assert at(subdistrict="500101") == Place("50", "5001", "500101")
    assert reasons(place=at(subdistrict="500101")) == []
