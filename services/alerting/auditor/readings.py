"""The readings: each a question whose answer is zero while all is well, each by an index.

A question that fails or takes too long has no answer, and no answer is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from mesh.database import Transaction
from services.alerting import activation

PATIENCE: Final = timedelta(seconds=60)
SILENCE: Final = timedelta(seconds=20)
SKEW: Final = timedelta(milliseconds=500)
SAMPLE: Final = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one question found."""

    name: str
    found: int
    """How many; -1 when the question could not be answered."""
    sample: tuple[str, ...] = ()
    """A few of them, by id or code."""


_OVERDUE = """
    SELECT owner AS id FROM shard_cursor mark CROSS JOIN LATERAL (
        SELECT owner FROM deadline d WHERE d.shard = mark.shard AND d.state = 0
            AND d.fires_at >= mark.low_water AND d.fires_at < :late LIMIT 100
    ) armed
    UNION ALL SELECT owner FROM deadline WHERE state = 3 AND fired_at < :late LIMIT 1000
"""
# No next step, and no alert of central's behind it: nobody will hear of it again.
_ADRIFT = """
    SELECT a.alert_id AS id FROM alert a
    WHERE a.state = 'open' AND a.kind <> 'warning' AND a.opened_at < :late
        AND NOT EXISTS (SELECT FROM deadline d WHERE d.owner = a.alert_id AND d.state IN (0, 3))
        AND NOT EXISTS (SELECT FROM alert c WHERE c.case_id = a.case_id
            AND c.policy_id = a.policy_id AND c.cause = a.cause AND c.tier = 'central'
            AND c.state <> 'resolved' AND c.alert_id <> a.alert_id)
    LIMIT 1000
"""
_OUTBOX = "SELECT id FROM outbox WHERE state = 0 AND created_at < :late LIMIT 1000"
_STUCK = """
    SELECT notification_id AS id FROM notification
    WHERE status = 'pending' AND next_try_at < :late
    UNION ALL SELECT notification_id FROM notification
    WHERE status = 'waiting' AND next_try_at < :late
    UNION ALL SELECT notification_id FROM notification
    WHERE status = 'sending' AND leased_until < clock_timestamp() - interval '60 s'
    LIMIT 1000
"""
RECONCILERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "deadlines_overdue": _OVERDUE,
        "alerts_adrift": _ADRIFT,
        "outbox_stuck": _OUTBOX,
        "notifications_stuck": _STUCK,
    }
)
"""The four that must be zero; a row each is a thing that should have gone on and has not."""


async def reconcile(tx: Transaction, name: str, *, now: datetime) -> Reading:
    """Ask one of the four."""
    found = await tx.execute(RECONCILERS[name], {"late": now - PATIENCE})
    return Reading(name, len(found), tuple(str(row["id"]) for row in found[:SAMPLE]))


async def pulses(tx: Transaction, *, now: datetime, rules: str) -> list[Reading]:
    """Ask whether an engine lives, goes by the same clock, and by the same rules as the auditor."""
    rows = await tx.execute(
        "SELECT process, facts ->> 'escalation' AS escalation,"
        " hub_at - real_at AS ahead, clock_timestamp() AS real_now"
        " FROM pulse WHERE real_at > clock_timestamp() - CAST(:silence AS interval)",
        {"silence": SILENCE},
    )
    if not rows:
        return [Reading("engine_silent", 1), Reading("clock_skewed", 0), Reading("rules_differ", 0)]
    ahead = now - rows[0]["real_now"]
    skewed = [row["process"] for row in rows if abs(row["ahead"] - ahead) > SKEW]
    others = [row["process"] for row in rows if row["escalation"] != rules]
    return [
        Reading("engine_silent", 0),
        Reading("clock_skewed", len(skewed), tuple(skewed[:SAMPLE])),
        Reading("rules_differ", len(others), tuple(others[:SAMPLE])),
    ]


async def approval(tx: Transaction, *, rules: str) -> Reading:
    """Ask whether the policies at hand are those that two persons approved last."""
    wanted = await activation.in_force(tx)
    if wanted is None or wanted == rules:
        return Reading("rules_unapproved", 0)
    return Reading("rules_unapproved", 1, (rules,))
