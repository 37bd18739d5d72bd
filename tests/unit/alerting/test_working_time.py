"""The table worked out by hand, and holidays that are announced when clocks already run."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from mesh.errors import UnavailableError
from policies.calendar import OpenHours, lay_out, open_hours, version_key
from policies.model import Override, Text
from policies.reader import load
from services.alerting.calendars import versions
from services.alerting.domain import clocks
from services.alerting.domain.clocks import BREACH, CaseClock, ClockEvent

BANGKOK = ZoneInfo("Asia/Bangkok")
POLICIES = load()
HOURS = open_hours(POLICIES)
FRAME = next(frame for frame in POLICIES.time_frames if frame.id == "accept_normal")
NIL = UUID(int=0)
TABLE = Path(__file__).parents[2] / "golden" / "working_time.csv"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BANGKOK)


def golden() -> Iterator[object]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        yield pytest.param(row, id=row["name"].replace(" ", "-"))


@pytest.mark.parametrize("row", list(golden()))
def test_the_clock_agrees_with_the_hand(row: dict[str, str]) -> None:
    frame = replace(FRAME, budget=timedelta(minutes=int(row["budget_minutes"])))
    clock, _ = clocks.start(
        NIL, NIL, frame, calendar=row["calendar"], at=local(row["started_at"]), reason=""
    )
    if row["paused_at"]:
        clock, _ = clocks.pause(clock, HOURS, at=local(row["paused_at"]), reason="")
        clock, _ = clocks.resume(clock, at=local(row["resumed_at"]), reason="")
    assert clocks.reaches(clock, HOURS, BREACH) == local(row["due_at"])


def with_holiday(on: date) -> tuple[dict[str, OpenHours], dict[str, str]]:
    """Return today's calendars after a day off was declared, with the versions before."""
    gov = POLICIES.calendars["th-gov"]
    off = Override(on, (), Text("วันหยุดพิเศษ", "Special holiday"), "cabinet")
    later = lay_out(replace(gov, overrides={**gov.overrides, on: off}))
    before, _ = versions(HOURS)
    after, keys = versions({**HOURS, "th-gov": later})
    return {**before, **after}, keys


def running(at: str, minutes: int) -> tuple[CaseClock, list[ClockEvent]]:
    frame = replace(FRAME, budget=timedelta(minutes=minutes))
    clock, events = clocks.start(
        NIL, NIL, frame, calendar=version_key(HOURS["th-gov"]), at=local(at), reason=""
    )
    return clock, list(events)


def test_a_holiday_announced_late_moves_the_clocks_that_cross_it() -> None:
    hours, keys = with_holiday(date(2026, 11, 25))
    clock, events = running("2026-11-24T15:30", 120)
    assert clocks.reaches(clock, hours, BREACH) == local("2026-11-25T09:30")
    moved, more = clocks.recalendar(
        clock, hours, calendar=keys["th-gov"], at=local("2026-11-24T16:00")
    )
    assert clocks.reaches(moved, hours, BREACH) == local("2026-11-26T09:30")
    assert [event.op for event in more] == ["recalendar"]
    again = clocks.replay([*events, *more], hours, case_id=NIL, step=clock.step)
    assert again == moved


def test_what_was_used_before_the_announcement_stays_used() -> None:
    """The day off is today, and is announced at noon: the morning was worked."""
    hours, keys = with_holiday(date(2026, 11, 25))
    clock, _ = running("2026-11-25T08:30", 480)
    moved, _ = clocks.recalendar(
        clock, hours, calendar=keys["th-gov"], at=local("2026-11-25T12:30")
    )
    assert moved.used == timedelta(hours=4)
    assert clocks.reaches(moved, hours, BREACH) == local("2026-11-26T12:30")


def test_a_clock_that_does_not_cross_the_day_is_left_alone() -> None:
    hours, keys = with_holiday(date(2026, 11, 25))
    clock, _ = running("2026-11-23T09:00", 60)
    at = local("2026-11-23T09:10")
    assert clocks.recalendar(clock, hours, calendar=keys["th-gov"], at=at) == (clock, ())


def test_the_next_event_puts_a_clock_on_the_version_in_force() -> None:
    hours, keys = with_holiday(date(2026, 11, 25))
    clock, _ = running("2026-11-23T09:00", 60)
    frame = replace(FRAME, budget=clock.budget)
    _, events = clocks.retarget(
        clock, frame, hours, calendar=keys["th-gov"], at=local("2026-11-23T09:10"), reason=""
    )
    assert [event.op for event in events] == ["recalendar"]


def test_a_version_that_is_not_at_hand_is_never_guessed() -> None:
    with pytest.raises(UnavailableError):
        clocks.hours_of({}, "th-gov@000000000000")


def test_equal_hours_have_equal_keys_and_other_hours_another() -> None:
    _, keys = with_holiday(date(2026, 11, 25))
    assert version_key(lay_out(POLICIES.calendars["th-gov"])) == version_key(HOURS["th-gov"])
    assert keys["th-gov"] != version_key(HOURS["th-gov"])
    assert keys["24x7"] == "24x7"
