"""Hours that differ: instants at which the same calendars are open get the same answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from policies.calendar import LAST_DAY, OpenHours, open_hours
from policies.model import Policies

OFFICE, EVENING, NIGHT, WEEKEND, HOLIDAY = "office", "evening", "night", "weekend", "holiday"
DAYS = 366
MORNING, LATE = time(6), time(22)


@dataclass(frozen=True, slots=True)
class HourClass:
    """A kind of hour, and one instant of it."""

    name: str
    at: datetime
    open_calendars: frozenset[str]


def hour_classes(policies: Policies, official: str, start: datetime) -> tuple[HourClass, ...]:
    """Return every (kind of hour, set of open calendars) of the year that begins at `start`.

    No set can be missed: calendars change only at the edges of their spans, and every edge is
    looked at. The kind (office, evening, night, weekend, holiday) is what a person calls it.
    """
    calendars = open_hours(policies)
    zone = ZoneInfo(policies.calendars[official].timezone)
    found: dict[tuple[str, frozenset[str]], HourClass] = {}
    for at in sorted(_instants(calendars, zone, start)):
        open_now = frozenset(code for code, hours in calendars.items() if hours.is_open(at))
        name = _kind(policies, official, open_now, at.astimezone(zone))
        found.setdefault((name, open_now), HourClass(name, at, open_now))
    order = (OFFICE, EVENING, NIGHT, WEEKEND, HOLIDAY)
    return tuple(sorted(found.values(), key=lambda c: (order.index(c.name), c.at)))


def _instants(
    calendars: Mapping[str, OpenHours], zone: ZoneInfo, start: datetime
) -> Iterator[datetime]:
    first = start.astimezone(zone).date()
    last = min(first + timedelta(days=DAYS), LAST_DAY)
    for number in range((last - first).days):
        day = first + timedelta(days=number)
        for hour in (time(3), time(10), time(20)):
            yield datetime.combine(day, hour, zone).astimezone(UTC)
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last, time(), zone).astimezone(UTC)
    for hours in calendars.values():
        yield from hours.edges(begin, end)


def _kind(policies: Policies, official: str, open_now: frozenset[str], at: datetime) -> str:
    calendar = policies.calendars[official]
    if official in open_now:
        return OFFICE
    if at.isoweekday() not in calendar.week:
        return WEEKEND
    override = calendar.overrides.get(at.date())
    if at.date() in calendar.holidays or (override is not None and not override.spans):
        return HOLIDAY
    return NIGHT if not MORNING <= at.time() < LATE else EVENING
