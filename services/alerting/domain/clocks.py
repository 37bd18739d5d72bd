"""Clocks: one obligation each, driven by events, its due instant always derived.

State is open time used so far plus the instant since when it runs. Pausing adds what was used,
resuming and re-targeting lose nothing, and replaying the events gives the same clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import UnavailableError
from policies.calendar import ALWAYS_OPEN, OpenHours
from policies.model import TimeFrame

BREACH = 100
"""The stage at which the whole budget is used; earlier stages are warnings, in percent."""

Hours = Mapping[str, OpenHours]


@dataclass(frozen=True, slots=True)
class CaseClock:
    """One obligation of one case (`assignment_id` None) or of one assignment."""

    clock_id: UUID
    case_id: UUID
    assignment_id: UUID | None
    step: str
    frame_id: str
    calendar: str
    budget: timedelta
    warn: tuple[int, ...]
    used: timedelta
    running_since: datetime | None
    stopped_at: datetime | None
    gen: int
    """Grows with every event; a deadline of an older one means nothing."""
    breached: bool = False


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """One row of the truth: append-only, numbered by the clock's generation."""

    clock_id: UUID
    gen: int
    at: datetime
    op: str
    """`start`, `pause`, `resume`, `retarget`, `recalendar` or `stop`."""
    reason: str
    frame_id: str = ""
    """The time frame that holds from here on; for `start`, `retarget` and `recalendar`."""
    calendar: str = ""
    budget: timedelta = timedelta(0)


Moved = tuple[CaseClock, tuple[ClockEvent, ...]]


def hours_of(hours: Hours, calendar: str) -> OpenHours:
    """Return a calendar laid out; a code that nobody knows counts every hour: strict, never late.

    A *version* that is not at hand is another matter: what was used under it cannot be guessed.
    """
    found = hours.get(calendar)
    if found is None and "@" in calendar:
        raise UnavailableError("this version of a calendar is not loaded", reason="NO_CALENDAR")
    return found or ALWAYS_OPEN


def start(
    clock_id: UUID,
    case_id: UUID,
    frame: TimeFrame,
    *,
    calendar: str,
    at: datetime,
    reason: str,
    warn: tuple[int, ...] = (),
    assignment_id: UUID | None = None,
) -> Moved:
    """Return a running clock and the event that started it."""
    clock = CaseClock(
        clock_id=clock_id,
        case_id=case_id,
        assignment_id=assignment_id,
        step=frame.step,
        frame_id=frame.id,
        calendar=calendar,
        budget=frame.budget,
        warn=warn,
        used=timedelta(0),
        running_since=at,
        stopped_at=None,
        gen=1,
    )
    return clock, (ClockEvent(clock_id, 1, at, "start", reason, frame.id, calendar, frame.budget),)


def pause(clock: CaseClock, hours: Hours, *, at: datetime, reason: str) -> Moved:
    """Stand still; a clock that does not run stays as it is."""
    if clock.running_since is None:
        return clock, ()
    used = _used(clock, hours, at)
    moved = replace(clock, used=used, running_since=None, gen=clock.gen + 1)
    return moved, (ClockEvent(clock.clock_id, moved.gen, at, "pause", reason),)


def resume(clock: CaseClock, *, at: datetime, reason: str) -> Moved:
    """Run again; a clock that runs or has stopped stays as it is."""
    if clock.running_since is not None or clock.stopped_at is not None:
        return clock, ()
    moved = replace(clock, running_since=at, gen=clock.gen + 1)
    return moved, (ClockEvent(clock.clock_id, moved.gen, at, "resume", reason),)


def retarget(
    clock: CaseClock, frame: TimeFrame, hours: Hours, *, calendar: str, at: datetime, reason: str
) -> Moved:
    """Hold to another time frame from `at` on; the time used until then stays used.

    An obligation that is broken already stays broken as it was.
    """
    if (
        clock.stopped_at is not None
        or clock.breached
        or ((clock.frame_id, clock.calendar, clock.budget) == (frame.id, calendar, frame.budget))
    ):
        return clock, ()
    # The same time frame by other hours: a holiday was announced or taken back.
    same = (clock.frame_id, clock.budget) == (frame.id, frame.budget)
    op = "recalendar" if same and _code(clock.calendar) == _code(calendar) else "retarget"
    moved = replace(
        clock,
        frame_id=frame.id,
        calendar=calendar,
        budget=frame.budget,
        used=_used(clock, hours, at),
        running_since=max(at, clock.running_since) if clock.running_since else None,
        gen=clock.gen + 1,
    )
    return moved, (
        ClockEvent(clock.clock_id, moved.gen, at, op, reason, frame.id, calendar, frame.budget),
    )


def recalendar(clock: CaseClock, hours: Hours, *, calendar: str, at: datetime) -> Moved:
    """Count by another version of its calendar from `at` on, where that moves the breach at all."""
    if clock.running_since is None or clock.breached or clock.calendar == calendar:
        return clock, ()
    moved = replace(
        clock,
        calendar=calendar,
        used=_used(clock, hours, at),
        running_since=max(at, clock.running_since),
        gen=clock.gen + 1,
    )
    if reaches(moved, hours, BREACH) == reaches(clock, hours, BREACH):
        return clock, ()
    event = ClockEvent(
        clock.clock_id, moved.gen, at, "recalendar", "calendar_version",
        clock.frame_id, calendar, clock.budget,
    )  # fmt: skip
    return moved, (event,)


def _code(calendar: str) -> str:
    return calendar.partition("@")[0]


def stop(clock: CaseClock, hours: Hours, *, at: datetime, reason: str) -> Moved:
    """End for good; stopping again changes nothing."""
    if clock.stopped_at is not None:
        return clock, ()
    moved = replace(
        clock,
        used=_used(clock, hours, at),
        running_since=None,
        stopped_at=at,
        gen=clock.gen + 1,
    )
    return moved, (ClockEvent(clock.clock_id, moved.gen, at, "stop", reason),)


def _used(clock: CaseClock, hours: Hours, at: datetime) -> timedelta:
    if clock.running_since is None:
        return clock.used
    # An event may be told as earlier than the clock's start: nothing was used then, never less.
    until = max(at, clock.running_since)
    return clock.used + hours_of(hours, clock.calendar).elapsed(clock.running_since, until)


def reaches(clock: CaseClock, hours: Hours, percent: int) -> datetime | None:
    """Return when `percent` of the budget is used; None while the clock does not run.

    What was used up before the clock last began to run was reached at that instant.
    """
    if clock.running_since is None:
        return None
    left = clock.budget * percent / 100 - clock.used
    return hours_of(hours, clock.calendar).add(clock.running_since, max(left, timedelta(0)))


def next_stage(clock: CaseClock, passed: int) -> int | None:
    """Return the first stage after `passed` percent; None after the breach."""
    return min((p for p in (*clock.warn, BREACH) if p > passed), default=None)


def replay(
    events: Sequence[ClockEvent],
    hours: Hours,
    *,
    case_id: UUID,
    step: str,
    warn: tuple[int, ...] = (),
    assignment_id: UUID | None = None,
) -> CaseClock:
    """Return the clock that `events` make, from nothing else: the check on every derived value."""
    first = events[0]
    clock = CaseClock(
        clock_id=first.clock_id,
        case_id=case_id,
        assignment_id=assignment_id,
        step=step,
        frame_id=first.frame_id,
        calendar=first.calendar,
        budget=first.budget,
        warn=warn,
        used=timedelta(0),
        running_since=first.at,
        stopped_at=None,
        gen=1,
    )
    for event in events[1:]:
        used, running = _used(clock, hours, event.at), clock.running_since
        match event.op:
            case "pause":
                running = None
            case "resume":
                running = event.at
            case "retarget" | "recalendar":
                running = max(event.at, running) if running else None
            case "stop":
                running = None
                clock = replace(clock, stopped_at=event.at)
            case unknown:
                raise ValueError(f"no clock event is called {unknown}")
        clock = replace(clock, used=used, running_since=running, gen=event.gen)
        if event.op in ("retarget", "recalendar"):
            clock = replace(
                clock, frame_id=event.frame_id, calendar=event.calendar, budget=event.budget
            )
    return clock
