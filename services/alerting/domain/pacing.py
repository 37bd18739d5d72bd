"""When a message that may wait goes out: in the morning, with others, or when a desk takes breath.

Nothing is dropped here. Whatever waits has a reason and an instant, which everybody can see. What
may not wait (an emergency) never comes here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from policies.model import Priority

QUIET, BUNDLE, THROTTLE = "quiet_hours", "bundle", "throttle"
_BANGKOK = ZoneInfo("Asia/Bangkok")


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits."""

    notification_id: UUID
    recipient_id: str
    channel: str
    policy_id: str
    tier: str
    priority: str
    created_at: datetime
    first: bool
    """Not a repetition, nor a step up: those have waited long enough for an answer."""

    @property
    def contact(self) -> tuple[str, str]:
        return self.recipient_id, self.channel

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What goes as one: one desk, by one channel, about one policy, as one tier."""
        return self.recipient_id, self.channel, self.policy_id, self.tier


@dataclass(frozen=True, slots=True)
class Past:
    """When messages went to a desk: of any kind, oldest first, and the last of each kind."""

    sent: Mapping[tuple[str, str], Sequence[datetime]]
    last: Mapping[tuple[str, str, str, str], datetime]


@dataclass(slots=True)
class Plan:
    """What becomes of the messages that waited."""

    released: dict[UUID, list[UUID]] = field(default_factory=dict)
    """A message to send, with those it speaks for besides itself."""
    held: dict[UUID, tuple[datetime, str]] = field(default_factory=dict)
    """A message that goes on waiting: until when and what for."""


def plan(
    waiting: Iterable[Held], past: Past, priorities: Mapping[str, Priority], *, now: datetime
) -> Plan:
    """Decide for each message: it goes now, alone or for others too, or it waits and says why."""
    kinds: dict[tuple[str, str, str, str], list[Held]] = defaultdict(list)
    for message in sorted(waiting, key=lambda m: (m.created_at, m.notification_id)):
        kinds[message.kind].append(message)
    sent = {contact: list(times) for contact, times in past.sent.items()}
    found = Plan()
    for kind, messages in kinds.items():
        priority = priorities[messages[0].priority]
        together = [messages] if priority.may_bundle else [[message] for message in messages]
        for group in together:
            times = sent.setdefault(group[0].contact, [])
            last = past.last.get(kind) if all(message.first for message in group) else None
            wait = _wait(priority, group[0].channel, last, times, now=now)
            if wait is None:
                found.released[group[0].notification_id] = [m.notification_id for m in group[1:]]
                times.append(now)
            else:
                found.held |= {message.notification_id: wait for message in group}
    return found


def _wait(
    priority: Priority,
    channel: str,
    last: datetime | None,
    times: Sequence[datetime],
    *,
    now: datetime,
) -> tuple[datetime, str] | None:
    """Return until when and what for a message waits, or None."""
    morning = quiet_until(priority.quiet, now)
    if morning is not None:
        return morning, QUIET
    if priority.bundle and last is not None and last + priority.bundle > now:
        return last + priority.bundle, BUNDLE
    limit = priority.limits.get(channel)
    if limit is not None:
        recent = [at for at in times if at > now - limit.within]
        if len(recent) >= limit.count:
            # When the one that many places back falls out of the window, there is room again.
            return recent[-limit.count] + limit.within, THROTTLE
    return None


def quiet_until(quiet: tuple[time, time] | None, now: datetime) -> datetime | None:
    """Return the end of the quiet hours that `now` lies in; the hours are Bangkok's."""
    if quiet is None:
        return None
    start, end = quiet
    here = now.astimezone(_BANGKOK)
    for day in (here.date() - timedelta(days=1), here.date()):
        begins = datetime.combine(day, start, _BANGKOK)
        ends = datetime.combine(day if start < end else day + timedelta(days=1), end, _BANGKOK)
        if begins <= here < ends:
            return ends.astimezone(now.tzinfo)
    return None
