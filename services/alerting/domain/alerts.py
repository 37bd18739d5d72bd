"""An alert: one tier told about one thing that went wrong, until a person acts.

Escalation is a function of the policy the alert started with, its history and `now`. Each tier
climbs the steps of the policy that name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from policies.model import EscalationPolicy, EscalationStep, Repeat
from services.alerting.domain.recipients import Audience

ARMED, OPEN, ACKNOWLEDGED, RESOLVED = "armed", "open", "acknowledged", "resolved"
SNOOZED = "snoozed"
"""Armed: told only later, and only if nobody has answered by then; until then it sees nothing."""
STEP, REPEAT, ACK = "step", "repeat", "ack"
"""What an alert's deadline is for: the next step, the last again, or the end of what put it off:
an acknowledgement or a snooze."""
CLOCK, WHOLE = "clock", 100
"""The purpose of a clock's deadline, and its last stage in percent of the budget."""
IN_HAND = (ACKNOWLEDGED, SNOOZED)
"""A person has answered: no later step, no queued message, until that runs out."""

_NAMESPACE = UUID("6a3f9f5e-6c55-5f0e-9f0b-5f6d8f6f2a11")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at one tier. Alerts of one cause and case form a group."""

    alert_id: UUID
    case_id: UUID
    policy: EscalationPolicy
    """As it stood when the alert was opened; a later version changes nothing here."""
    policy_stamp: str
    kind: str
    """`reach_overdue`, `ess`, `unroutable`, `warning`, ...: what is shown."""
    cause: str
    """The step that is late, or the signal."""
    audience: Audience
    state: str
    breached_at: datetime
    """When the obligation fell due, or the signal was raised: the true time."""
    opened_at: datetime
    step: int
    """Place of the last step taken in the tier's own chain; -1 before the first."""
    round: int
    """How often the alert was sent out; with the step it numbers the messages."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    resolved_at: datetime | None = None
    resolution: str = ""
    snoozed_until: datetime | None = None

    @property
    def group(self) -> tuple[str, str]:
        return self.policy.id, self.cause

    @property
    def emergency(self) -> bool:
        return self.policy.priority == "emergency"


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One row of an alert's history; append-only."""

    alert_id: UUID
    at: datetime
    what: str
    actor: str = "songtor"
    detail: str = ""
    """A code or an id; never what a person wrote."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message that is to go to one desk by one channel."""

    notification_id: UUID
    alert_id: UUID
    case_id: UUID
    step: int
    round: int
    recipient_id: str
    address: str
    channel: str
    rank: int
    """0 goes first: an emergency never waits behind a backlog."""
    resend_unknown: bool
    """Of unknown fate, it is sent again with the same reference."""
    created_at: datetime
    paced: bool = False
    """It may have to wait: for the morning, for others to go with, for a desk to take breath."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """The one next thing that time does to a clock or to an alert."""

    owner: UUID
    case_id: UUID
    purpose: str
    """`clock`, or for an alert `step`, `repeat` or `ack`."""
    stage: int
    """Percent of the budget for a clock, place in the chain for an alert."""
    gen: int
    due_at: datetime
    rank: int = 1
    """0 goes first, as with messages."""
    breach_at: datetime | None = None
    """For a clock, when its whole budget is used, though a warning may come first."""

    @property
    def breached_at(self) -> datetime | None:
        """The instant of the fact that goes with it, once that is past. A row from before this was
        kept knows it only when nothing comes in between."""
        if self.purpose == CLOCK and self.breach_at is None and self.stage == WHOLE:
            return self.due_at
        return self.breach_at


def chain(policy: EscalationPolicy, tier: str) -> tuple[EscalationStep, ...]:
    """Return the steps of `policy` that tell `tier`, in order."""
    return tuple(step for step in policy.steps if tier in step.tiers)


def alert_id_of(case_id: UUID, policy_id: str, cause: str, audience: Audience, nth: int) -> UUID:
    """Return the id of the nth alert of this kind: the same cause never opens two at once."""
    return uuid5(
        _NAMESPACE,
        f"{case_id}|{policy_id}|{cause}|{audience.tier}|{audience.ministry}|{audience.unit_id}|{nth}",
    )


def notice_id_of(alert: Alert, recipient_id: str, channel: str) -> UUID:
    """Return the id of a message: sent again it is the same message."""
    return uuid5(_NAMESPACE, f"{alert.alert_id}|{alert.round}|{recipient_id}|{channel}")


def next_after(alert: Alert, *, now: datetime) -> tuple[str, int, timedelta]:
    """Return what comes after the step just taken: purpose, place in the chain, and in how long.

    After an outage the next step keeps its full interval from now, so nobody is stormed; in an
    emergency it keeps its distance from the true time instead. A place past the chain's end means
    that nobody of the tier answered.
    """
    steps = chain(alert.policy, alert.audience.tier)
    step = steps[alert.step]
    if alert.step + 1 < len(steps):
        later = steps[alert.step + 1].after
        if alert.emergency:
            return STEP, alert.step + 1, max(alert.breached_at + later - now, timedelta(0))
        return STEP, alert.step + 1, later - step.after
    if step.repeat is not None:
        return REPEAT, alert.step, step.repeat.every
    return STEP, len(steps), step.ack_within


def to_record(policy: EscalationPolicy) -> dict[str, Any]:
    """Return the parts of `policy` that an open alert needs, as JSON can hold them."""
    return {
        "id": policy.id,
        "priority": policy.priority,
        "ack_timeout": policy.ack_timeout.total_seconds(),
        "snooze_at_most": policy.snooze_at_most.total_seconds(),
        "steps": [
            {
                "tiers": list(step.tiers),
                "role": step.role,
                "after": step.after.total_seconds(),
                "ack_within": step.ack_within.total_seconds(),
                "if_nobody": step.if_nobody,
                "multi_ack": step.multi_ack,
                "repeat": step.repeat
                and {
                    "every": step.repeat.every.total_seconds(),
                    "until": step.repeat.until,
                    "within": step.repeat.within,
                },
            }
            for step in policy.steps
        ],
    }


def from_record(record: Mapping[str, Any]) -> EscalationPolicy:
    """Return the policy that `to_record` kept."""
    return EscalationPolicy(
        id=record["id"],
        steps_watched=(),
        signals=(),
        priority=record["priority"],
        dedup=(),
        warn=None,
        steps=tuple(
            EscalationStep(
                tiers=tuple(step["tiers"]),
                role=step["role"],
                after=timedelta(seconds=step["after"]),
                ack_within=timedelta(seconds=step["ack_within"]),
                if_nobody=step["if_nobody"],
                multi_ack=step["multi_ack"],
                repeat=None
                if step["repeat"] is None
                else Repeat(
                    timedelta(seconds=step["repeat"]["every"]),
                    step["repeat"]["until"],
                    step["repeat"]["within"],
                ),
            )
            for step in record["steps"]
        ),
        ack_timeout=timedelta(seconds=record["ack_timeout"]),
        source="",
        snooze_at_most=timedelta(seconds=record.get("snooze_at_most", 0)),
    )
