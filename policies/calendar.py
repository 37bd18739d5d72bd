"""Working-time arithmetic: exact, by prefix sums over a calendar's open spans.

Two instants have the same open time before them when everything between them is closed. So the
inverse needs a rule, and this is it: an obligation falls due at the *end of the earlier span* (a
budget used up exactly at closing time is due then, not at the next opening), and a clock resumes
counting at the *start of the later span*.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from policies.model import Calendar, Policies

FIRST_DAY: Final = date(2020, 1, 1)
LAST_DAY: Final = date(2039, 12, 31)
"""Open spans are laid out between these days; an instant outside is refused, never guessed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def _ticks(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone cannot be placed on a calendar")
    return (at - _EPOCH) // _TICK


def _instant(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK


@dataclass(frozen=True, slots=True)
class OpenHours:
    """A calendar laid out as open spans, in whole microseconds since 1970 UTC."""

    code: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    before: tuple[int, ...]
    """Open time before each span."""
    until: tuple[int, ...]
    """Open time before the end of each span."""
    always: bool

    def is_open(self, at: datetime) -> bool:
        """Return whether `at` is open time; the closing instant itself is closed."""
        if self.always:
            return True
        ticks = self._within(at)
        i = bisect_right(self.starts, ticks) - 1
        return i >= 0 and ticks < self.ends[i]

    def edges(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield each instant from `start` until `end` at which it opens or closes."""
        for ticks in (*self.starts, *self.ends):
            if _ticks(start) <= ticks < _ticks(end):
                yield _instant(ticks)

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Return the open time from `start` to `end`; negative when `end` is earlier."""
        if self.always:
            return end - start
        return (self._open_before(self._within(end)) - self._open_before(self._within(start))) * (
            _TICK
        )

    def add(self, at: datetime, length: timedelta) -> datetime:
        """Return when `length` of open time after `at` is used up, in UTC; never before `at`."""
        if length < timedelta(0):
            raise ValueError("a negative length has no end")
        if self.always:
            # In UTC: adding to a zoned datetime moves the wall clock, not the instant.
            return at.astimezone(UTC) + length
        ticks = self._within(at)
        used = self._open_before(ticks) + length // _TICK
        i = bisect_left(self.until, used)
        if i == len(self.starts):
            raise ValueError(f"{self.code} is laid out only to {LAST_DAY}")
        return _instant(max(ticks, self.starts[i] + used - self.before[i]))

    def next_open(self, at: datetime) -> datetime:
        """Return `at` itself when open, else the start of the next span, in UTC."""
        if self.is_open(at):
            return at.astimezone(UTC)
        i = bisect_right(self.starts, self._within(at))
        if i == len(self.starts):
            raise ValueError(f"{self.code} is laid out only to {LAST_DAY}")
        return _instant(self.starts[i])

    def _open_before(self, ticks: int) -> int:
        i = bisect_right(self.starts, ticks) - 1
        if i < 0:
            return 0
        return self.before[i] + min(ticks, self.ends[i]) - self.starts[i]

    def _within(self, at: datetime) -> int:
        if not FIRST_DAY <= at.astimezone(UTC).date() <= LAST_DAY:
            raise ValueError(f"{self.code} is laid out only from {FIRST_DAY} to {LAST_DAY}")
        return _ticks(at)


ALWAYS_OPEN: Final = OpenHours("24x7", (), (), (), (), always=True)
"""Elapsed time: every instant counts."""


def spans_on(calendar: Calendar, day: date) -> tuple[tuple[time, time], ...]:
    """Return the open spans of one local day: override, then holiday, then weekday."""
    override = calendar.overrides.get(day)
    if override is not None:
        return override.spans
    if day in calendar.holidays:
        return ()
    return calendar.week.get(day.isoweekday(), ())


def lay_out(calendar: Calendar) -> OpenHours:
    """Return `calendar` as open spans; some milliseconds of work, so do it once per version."""
    if calendar.always_open:
        return ALWAYS_OPEN
    zone = ZoneInfo(calendar.timezone)
    starts: list[int] = []
    ends: list[int] = []
    day = FIRST_DAY
    while day <= LAST_DAY:
        for opens, closes in spans_on(calendar, day):
            starts.append(_ticks(datetime.combine(day, opens, zone)))
            ends.append(_ticks(datetime.combine(day, closes, zone)))
        day += timedelta(days=1)
    return from_spans(calendar.code, starts, ends)


def open_hours(policies: Policies) -> Mapping[str, OpenHours]:
    """Return every calendar of `policies` laid out, by code; a service does this once."""
    return MappingProxyType(
        {code: lay_out(calendar) for code, calendar in policies.calendars.items()}
    )


def due_at(started_at: datetime, budget: timedelta, hours: OpenHours) -> datetime:
    """Return the instant, in UTC, at which `budget` is used up; `ALWAYS_OPEN` means elapsed."""
    return hours.add(started_at, budget)


def version_key(hours: OpenHours) -> str:
    """Return the code with the version of what is laid out: equal hours, equal key, for ever."""
    if hours.always:
        return hours.code
    digest = sha256(repr((hours.starts, hours.ends)).encode()).hexdigest()
    return f"{hours.code}@{digest[:12]}"


def from_spans(code: str, starts: Sequence[int], ends: Sequence[int]) -> OpenHours:
    """Return the hours that were laid out with these spans, as a version that was kept."""
    before: list[int] = []
    until: list[int] = []
    total = 0
    for start, end in zip(starts, ends, strict=True):
        before.append(total)
        total += end - start
        until.append(total)
    return OpenHours(code, tuple(starts), tuple(ends), tuple(before), tuple(until), always=False)
