"""Working time: hand-computed answers, and a slow oracle that walks minute by minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendar import ALWAYS_OPEN, due_at, lay_out
from policies.model import Calendar, Override, Text
from policies.reader import load

BANGKOK = ZoneInfo("Asia/Bangkok")
GOVERNMENT = load().calendars["th-gov"]
OFFICE = lay_out(GOVERNMENT)
MINUTE = timedelta(minutes=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BANGKOK)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("started", "budget", "due"),
    [
        # 10 April 2026 is a Friday; Songkran is Monday 13 to Wednesday 15.
        pytest.param("2026-04-10T15:30", hours(2), "2026-04-16T09:30", id="over-songkran"),
        pytest.param("2026-04-10T15:30", hours(1), "2026-04-10T16:30", id="due-at-closing"),
        pytest.param("2026-04-14T11:00", hours(1), "2026-04-16T09:30", id="started-on-a-holiday"),
        # Visakha Bucha 31 May 2026 is a Sunday: Monday 1 June in its place; 3 June is a holiday.
        pytest.param("2026-05-29T16:00", hours(1), "2026-06-02T09:00", id="substitution-day"),
        pytest.param("2026-06-02T15:30", hours(2), "2026-06-04T09:30", id="one-holiday-between"),
        # 5 December 2026 is a Saturday: Monday 7 in its place; 10 December is Constitution Day.
        pytest.param("2026-12-04T16:00", hours(1), "2026-12-08T09:00", id="long-weekend"),
        pytest.param("2026-12-04T08:30", hours(32), "2026-12-11T16:30", id="two-holidays-in-eight"),
        # Royal Ploughing Ceremony, Wednesday 13 May 2026: a holiday of the government only.
        pytest.param("2026-05-12T16:00", hours(1), "2026-05-14T09:00", id="government-holiday"),
        pytest.param("2026-11-21T20:00", hours(1), "2026-11-23T09:30", id="started-on-saturday"),
        pytest.param("2026-11-24T05:00", hours(1), "2026-11-24T09:30", id="started-before-opening"),
        pytest.param("2026-11-24T18:00", hours(8), "2026-11-25T16:30", id="a-whole-day-to-closing"),
        pytest.param("2026-11-23T08:30", hours(16), "2026-11-24T16:30", id="two-whole-days"),
        pytest.param("2026-11-24T16:30", hours(1), "2026-11-25T09:30", id="started-at-closing"),
        # New Year 2026-27: Thursday 31 December and Friday 1 January, then a weekend.
        pytest.param("2026-12-30T16:29", 2 * MINUTE, "2027-01-04T08:31", id="over-new-year"),
    ],
)
def test_working_time_falls_due(started: str, budget: timedelta, due: str) -> None:
    assert due_at(local(started), budget, OFFICE) == local(due)


@pytest.mark.parametrize(
    ("started", "budget", "due"),
    [
        ("2026-04-10T15:30", hours(24), "2026-04-11T15:30"),
        ("2026-04-12T23:59", hours(24), "2026-04-13T23:59"),
    ],
)
def test_elapsed_time_never_stops(started: str, budget: timedelta, due: str) -> None:
    assert due_at(local(started), budget, ALWAYS_OPEN) == local(due)


def test_a_due_instant_is_told_in_utc() -> None:
    assert due_at(local("2026-11-24T15:30"), hours(1), OFFICE).tzinfo is UTC


def test_a_day_closed_at_short_notice_moves_what_is_due() -> None:
    closed = Override(date(2026, 11, 25), (), Text("วันหยุดพิเศษ", "special holiday"), "มติ ครม.")
    moved = lay_out(replace(GOVERNMENT, overrides=MappingProxyType({closed.on: closed})))
    assert due_at(local("2026-11-24T16:00"), hours(1), OFFICE) == local("2026-11-25T09:00")
    assert due_at(local("2026-11-24T16:00"), hours(1), moved) == local("2026-11-26T09:00")


def test_an_override_opens_a_holiday_too() -> None:
    opened = Override(
        date(2026, 4, 13), ((time(9), time(12)),), Text("เปิดทำการ", "open"), "มติ ครม."
    )
    moved = lay_out(replace(GOVERNMENT, overrides=MappingProxyType({opened.on: opened})))
    assert due_at(local("2026-04-10T15:30"), hours(2), moved) == local("2026-04-13T10:00")


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-24T08:29:59", False),
        ("2026-11-24T08:30", True),
        ("2026-11-24T16:29:59", True),
        ("2026-11-24T16:30", False),
        ("2026-11-21T12:00", False),
        ("2026-12-07T12:00", False),
    ],
)
def test_an_office_is_open_from_its_opening_to_before_its_closing(at: str, is_open: bool) -> None:
    assert OFFICE.is_open(local(at)) is is_open


def test_a_clock_resumes_at_the_start_of_the_later_span() -> None:
    assert OFFICE.next_open(local("2026-04-10T16:30")) == local("2026-04-16T08:30")
    assert OFFICE.next_open(local("2026-04-10T16:29")) == local("2026-04-10T16:29")


def test_a_budget_of_nothing_is_due_at_once_even_when_closed() -> None:
    assert OFFICE.add(local("2026-04-12T12:00"), timedelta(0)) == local("2026-04-12T12:00")


@pytest.mark.parametrize("at", ["2019-12-31T23:00", "2040-01-02T09:00"])
def test_an_instant_beyond_the_calendar_is_refused_not_guessed(at: str) -> None:
    with pytest.raises(ValueError, match="laid out only"):
        OFFICE.is_open(local(at))


def test_an_obligation_that_would_end_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="laid out only"):
        OFFICE.add(local("2039-12-30T09:00"), hours(100))


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        OFFICE.is_open(datetime(2026, 11, 24, 9, 0))  # noqa: DTZ001 - the point of the test


def _open_by_the_book(at: datetime, calendar: Calendar) -> bool:
    """Judge one minute as a person with a calendar on the wall would."""
    there = at.astimezone(BANGKOK)
    if there.date() in calendar.holidays or there.isoweekday() > 5:
        return False
    return time(8, 30) <= there.time() < time(16, 30)


instants = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=BANGKOK) + minutes * MINUTE
)


@given(instants, st.integers(1, 1200))
def test_add_agrees_with_walking_minute_by_minute(start: datetime, minutes: int) -> None:
    at, left = start, minutes
    while left:
        left -= _open_by_the_book(at, GOVERNMENT)
        at += MINUTE
    assert OFFICE.add(start, minutes * MINUTE) == at


@given(instants, st.integers(0, 20_000))
def test_elapsed_agrees_with_walking_minute_by_minute(start: datetime, minutes: int) -> None:
    walked = sum(_open_by_the_book(start + n * MINUTE, GOVERNMENT) for n in range(minutes))
    assert OFFICE.elapsed(start, start + minutes * MINUTE) == walked * MINUTE


@given(instants, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_what_add_gives_elapsed_takes_back(start: datetime, length: timedelta) -> None:
    due = OFFICE.add(start, length)
    assert due >= start
    assert OFFICE.elapsed(start, due) == length


@given(instants, st.timedeltas(timedelta(0), hours(80)), st.timedeltas(timedelta(0), hours(80)))
def test_a_budget_may_be_used_in_two_parts(
    start: datetime, first: timedelta, second: timedelta
) -> None:
    assert OFFICE.add(OFFICE.add(start, first), second) == OFFICE.add(start, first + second)
