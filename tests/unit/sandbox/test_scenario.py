"""The demo's input: national, varied, repeatable, and of nobody real."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from directory.decide import Decider, Question
from directory.model import Place, Snapshot
from policies.reader import load
from sandbox.demo.expectation import Ending
from sandbox.demo.people import check_digit, national_id
from sandbox.demo.scenario import CAUSES, DOORS, PROBLEMS, DemoReport, Wave, scenario
from sandbox.national import national_units

REPORTS = scenario()


def test_it_is_national_and_large_enough():
    assert len(REPORTS) >= 300
    assert len({report.province for report in REPORTS if report.province}) == 77


def test_every_door_problem_and_cause_is_used_by_day_and_by_night():
    assert {report.channel for report in REPORTS} == {*DOORS, "line_ess"}
    for wave in Wave:
        assert {r.problem for r in REPORTS if r.wave is wave} == set(PROBLEMS)
    assert {report.ess_cause for report in REPORTS} == {*CAUSES, ""}


def test_some_cannot_speak_and_some_give_no_name():
    silent = [report for report in REPORTS if report.silent]
    nameless = [report for report in REPORTS if report.anonymous]
    assert len(silent) >= 10
    assert len(nameless) > len(silent)
    assert all(report.anonymous and report.ess for report in silent)


def test_a_child_under_15_at_work_or_traded_is_a_crisis_whatever_the_door_judged():
    children = [r for r in REPORTS if r.person.age and r.person.age < 15 and not r.ess]
    raised = [report for report in children if report.problem in {"child_labour", "trafficking"}]
    assert raised
    assert {report.urgency for report in raised} == {"crisis"}
    assert any(report.judged != "crisis" for report in raised)


def test_a_few_are_there_to_go_wrong():
    endings = Counter(report.expected.ending for report in REPORTS)
    assert endings[Ending.DECLINED_ONCE] == 2
    assert endings[Ending.NOT_REACHED] == 3
    assert sum(report.sent_twice for report in REPORTS) == 1
    assert sum(not report.province for report in REPORTS) == 1


def test_the_three_not_reached_are_of_different_provinces_and_agencies():
    left = [report for report in REPORTS if report.expected.ending is Ending.NOT_REACHED]
    assert len({report.province for report in left}) == 3
    assert len({report.expected.agency for report in left}) == 3


def test_child_labour_is_reported_where_no_labour_unit_takes_reports():
    labour = [unit for unit in national_units() if unit.agency == "labour"]
    doors = {unit.province for unit in labour if unit.is_intake}
    reported = {report.province for report in REPORTS if report.problem == "child_labour"}
    assert reported - doors


def test_it_is_the_same_on_every_machine():
    lines = [json.dumps(asdict(report), ensure_ascii=False) for report in REPORTS]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest == "5651c8e330a552b2edb170d403c09dd0ed32858afef665c9cc237b08eca68bc5"


def test_each_report_has_a_key_an_id_and_a_mark_of_its_own():
    for attribute in ("report_id", "key", "marker"):
        assert len({getattr(report, attribute) for report in REPORTS}) == len(REPORTS)
    assert all(report.marker in report.need for report in REPORTS)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.key)
def test_what_leaves_the_identity_block_names_nobody_and_no_place(report: DemoReport):
    names = [report.place_text, report.person.name, report.person.phone, report.person.id_number]
    assert not any(name and name in report.need for name in names)


def test_every_person_says_that_they_are_invented():
    people = [p for r in REPORTS for p in (r.person, r.reporter) if p is not None]
    assert all(person.name.startswith("ทดสอบ ") for person in people)
    assert all(person.phone.startswith("000-00") for person in people)
    assert all(person.id_number.startswith("9") for person in people if person.id_number)


def test_the_check_digit_is_that_of_the_national_id():
    assert check_digit("123456789012") == "1"  # the example every implementation agrees on
    assert national_id(324) == "9000000003241"


AT = {
    Wave.WORKING_DAY: datetime(2026, 12, 1, 10, 0, tzinfo=ZoneInfo("Asia/Bangkok")),
    Wave.NIGHT: datetime(2026, 12, 1, 21, 30, tzinfo=ZoneInfo("Asia/Bangkok")),
}


@pytest.fixture(scope="module")
def directory() -> Snapshot:
    return Snapshot.of(1, national_units())


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider(load())


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.key)
def test_policies_send_it_where_the_domain_says(report, directory, decider):
    question = Question(
        place=Place(report.province, report.district, report.subdistrict, report.point),
        problem_type=report.problem,
        urgency=report.urgency,
        at=AT[report.wave],
        ess_cause=report.ess_cause or None,
        channel=report.channel,
    )
    decision = decider.decide(directory, question)
    told = [directory.units[it.chosen.unit_id] for it in (decision.lead, *decision.supporting)]
    lead, *supporting = told
    assert lead.agency == report.expected.agency
    assert lead.unit_type in report.expected.unit_types
    for unit, wanted in zip(supporting, report.expected.supporting, strict=True):
        assert unit.unit_type in wanted
    if lead.tier != "central":
        assert any(report.subdistrict.startswith(area) for area in lead.coverage)
