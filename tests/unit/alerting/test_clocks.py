"""Clocks: hand-made stories, and random ones judged by a walk over every minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.calendar import open_hours
from policies.reader import load
from services.alerting.domain import clocks
from services.alerting.domain.clocks import BREACH, CaseClock, ClockEvent

BANGKOK = ZoneInfo("Asia/Bangkok")
POLICIES = load()
HOURS = open_hours(POLICIES)
FRAMES = {frame.id: frame for frame in POLICIES.time_frames}
MINUTE = timedelta(minutes=1)
NIL = UUID(int=0)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BANGKOK)


def begin(at: datetime, calendar: str, budget: timedelta) -> tuple[CaseClock, list[ClockEvent]]:
    frame = replace(FRAMES["accept_normal"], budget=budget)
    clock, events = clocks.start(NIL, NIL, frame, calendar=calendar, at=at, reason="test")
    return clock, list(events)


def due(clock: CaseClock) -> datetime:
    at = clocks.reaches(clock, HOURS, BREACH)
    assert at is not None
    return at


def test_a_pause_over_a_holiday_costs_nothing() -> None:
    # Friday 10 April 2026 15:00, 4 h of budget: 30 minutes used, paused over Songkran.
    clock, _ = begin(local("2026-04-10T15:00"), "th-gov", timedelta(hours=4))
    clock, _ = clocks.pause(clock, HOURS, at=local("2026-04-10T15:30"), reason="on_hold")
    assert clocks.reaches(clock, HOURS, BREACH) is None
    clock, _ = clocks.resume(clock, at=local("2026-04-16T10:00"), reason="in_progress")
    assert due(clock) == local("2026-04-16T13:30")


def test_a_new_time_frame_keeps_what_was_used() -> None:
    clock, _ = begin(local("2026-11-23T09:00"), "24x7", timedelta(hours=24))
    crisis = FRAMES["first_contact_crisis"]
    clock, _ = clocks.retarget(
        clock, crisis, HOURS, calendar="24x7", at=local("2026-11-23T09:40"), reason="urgency"
    )
    assert due(clock) == local("2026-11-23T10:00")


def test_a_budget_used_up_before_it_was_retargeted_is_due_at_once() -> None:
    clock, _ = begin(local("2026-11-23T09:00"), "24x7", timedelta(hours=24))
    at = local("2026-11-23T15:00")
    clock, _ = clocks.retarget(
        clock, FRAMES["first_contact_crisis"], HOURS, calendar="24x7", at=at, reason="urgency"
    )
    assert due(clock) == at


def test_a_clock_that_stopped_never_runs_again() -> None:
    clock, _ = begin(local("2026-11-23T09:00"), "24x7", timedelta(hours=24))
    stopped, _ = clocks.stop(clock, HOURS, at=local("2026-11-23T10:00"), reason="case.reached")
    assert clocks.resume(stopped, at=local("2026-11-23T11:00"), reason="") == (stopped, ())
    assert clocks.stop(stopped, HOURS, at=local("2026-11-23T12:00"), reason="") == (stopped, ())
    assert stopped.used == timedelta(hours=1)


def test_an_event_told_as_before_the_start_uses_nothing() -> None:
    clock, _ = begin(local("2026-11-23T09:00"), "24x7", timedelta(hours=24))
    stopped, _ = clocks.stop(clock, HOURS, at=local("2026-11-23T08:00"), reason="case.reached")
    assert stopped.used == timedelta(0)


@pytest.mark.parametrize(("passed", "stage"), [(0, 50), (50, 80), (80, BREACH), (BREACH, None)])
def test_warnings_come_before_the_breach(passed: int, stage: int | None) -> None:
    clock, _ = begin(local("2026-11-23T09:00"), "24x7", timedelta(hours=24))
    assert clocks.next_stage(replace(clock, warn=(50, 80)), passed) == stage


# A story is what happens after each pause of so many minutes.
stories = st.lists(
    st.tuples(
        st.integers(0, 3000),
        st.sampled_from(["pause", "resume", "retarget", "stop"]),
        st.integers(1, 900),
        st.sampled_from(["th-gov", "24x7"]),
    ),
    max_size=8,
)
starts = st.integers(0, 60 * 24 * 500).map(lambda m: local("2026-03-01T00:00") + m * MINUTE)


def play(
    start: datetime, calendar: str, budget: int, story: list[tuple[int, str, int, str]]
) -> tuple[CaseClock, list[ClockEvent]]:
    clock, events = begin(start, calendar, budget * MINUTE)
    at = start
    for wait, op, minutes, target in story:
        at += wait * MINUTE
        match op:
            case "pause":
                clock, more = clocks.pause(clock, HOURS, at=at, reason="")
            case "resume":
                clock, more = clocks.resume(clock, at=at, reason="")
            case "stop":
                clock, more = clocks.stop(clock, HOURS, at=at, reason="")
            case _:
                frame = replace(FRAMES["accept_normal"], budget=minutes * MINUTE)
                clock, more = clocks.retarget(
                    clock, frame, HOURS, calendar=target, at=at, reason=""
                )
        events += more
    return clock, events


@given(starts, st.sampled_from(["th-gov", "24x7"]), st.integers(1, 900), stories)
def test_replaying_the_events_gives_the_same_clock(
    start: datetime, calendar: str, budget: int, story: list[tuple[int, str, int, str]]
) -> None:
    clock, events = play(start, calendar, budget, story)
    again = clocks.replay(events, HOURS, case_id=NIL, step=clock.step)
    assert again == clock
    assert [event.gen for event in events] == list(range(1, clock.gen + 1))


@given(starts, st.sampled_from(["th-gov", "24x7"]), st.integers(1, 900), stories)
def test_a_clock_is_due_when_walking_every_minute_says_so(
    start: datetime, calendar: str, budget: int, story: list[tuple[int, str, int, str]]
) -> None:
    clock, events = play(start, calendar, budget, story)
    if clock.running_since is None:
        return
    used, left_at, running = 0, clock.running_since, False
    for event, following in zip(events, [*events[1:], None], strict=True):
        running = event.op in ("start", "resume") or (event.op == "retarget" and running)
        calendar = event.calendar or calendar
        until = following.at if following else clock.running_since
        while running and event.at < until:
            used += HOURS[calendar].is_open(event.at)
            event = replace(event, at=event.at + MINUTE)  # noqa: PLW2901
    left = clock.budget // MINUTE - used
    while left > 0:
        left -= HOURS[calendar].is_open(left_at)
        left_at += MINUTE
    assert due(clock) == left_at


@given(starts, st.integers(1, 900), st.integers(0, 900))
def test_a_pause_of_no_length_changes_nothing_but_the_generation(
    start: datetime, budget: int, wait: int
) -> None:
    clock, _ = begin(start, "th-gov", budget * MINUTE)
    before = due(clock)
    at = min(start + wait * MINUTE, before)
    paused, _ = clocks.pause(clock, HOURS, at=at, reason="")
    resumed, _ = clocks.resume(paused, at=at, reason="")
    assert due(resumed) == max(before, at)
    assert resumed.gen == clock.gen + 2
