"""Every SQL statement about messages on their way. Their statuses are honest: `unknown` is one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mesh.database import Row, Transaction
from services.alerting.domain.letters import Occasion

SENT, FAILED, UNKNOWN, PENDING, CANCELLED = "sent", "failed", "unknown", "pending", "cancelled"

_CLAIM = """
    UPDATE notification SET
        status = 'sending', status_at = :now, attempts = attempts + 1,
        leased_until = clock_timestamp() + CAST(:lease AS interval)
    WHERE notification_id IN (
        SELECT notification_id FROM notification
        WHERE status = 'pending' AND next_try_at <= :now AND rank <= :rank
        ORDER BY rank, next_try_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING notification_id
"""
_CLAIMED = """
    SELECT notification_id, alert_id, n.case_id, n.recipient_id, n.address, n.channel, n.round,
        n.attempts, n.resend_unknown, n.rank, n.form, n.bundled, alert.kind, alert.cause,
        alert.breached_at, alert.state, watch.reference, watch.urgency, watch.silent,
        watch.excluded, ARRAY(
            SELECT DISTINCT spoken_for.reference FROM notification follower
            JOIN watch spoken_for ON spoken_for.case_id = follower.case_id
            WHERE follower.bundle_id = n.notification_id AND follower.status = 'bundled'
            ORDER BY spoken_for.reference
        ) AS others
    FROM notification n JOIN alert USING (alert_id) JOIN watch ON watch.case_id = n.case_id
    WHERE notification_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY n.rank, n.created_at
"""
# A lease is measured by the database's own clock: the hub's may be moved a day on at once.
_ABANDONED = """
    UPDATE notification SET
        status = CASE WHEN resend_unknown THEN 'pending' ELSE 'unknown' END,
        status_at = :now, next_try_at = :now, leased_until = NULL,
        history = history || jsonb_build_array(
            jsonb_build_object('at', CAST(:at AS text), 'status', 'unknown', 'code', 'lease_ended'))
    WHERE status = 'sending' AND leased_until < clock_timestamp()
    RETURNING notification_id, status
"""


@dataclass(frozen=True, slots=True)
class Errand:
    """A message that this process has claimed, and nobody else sends meanwhile."""

    notification_id: UUID
    alert_id: UUID
    recipient_id: str
    address: str
    channel: str
    attempts: int
    resend_unknown: bool
    excluded: frozenset[str]
    occasion: Occasion


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt."""

    status: str
    code: str
    """The provider's answer, or why there is none; a code, never its text."""
    retry_in: timedelta | None = None
    """Set when it goes back to `pending`."""


async def claim(
    tx: Transaction, *, rank: int, limit: int, lease: timedelta, now: datetime
) -> list[Errand]:
    """Claim messages that wait, the most urgent first; only those of `rank` or more urgent."""
    claimed = await tx.execute(_CLAIM, {"now": now, "rank": rank, "limit": limit, "lease": lease})
    if not claimed:
        return []
    ids = [row["notification_id"] for row in claimed]
    return [_errand(row) for row in await tx.execute(_CLAIMED, {"ids": ids})]


def _errand(row: Row) -> Errand:
    excluded = row["excluded"]
    return Errand(
        notification_id=row["notification_id"],
        alert_id=row["alert_id"],
        recipient_id=row["recipient_id"],
        address=row["address"],
        channel=row["channel"],
        attempts=row["attempts"],
        resend_unknown=row["resend_unknown"],
        excluded=frozenset(json.loads(excluded) if isinstance(excluded, str) else excluded),
        occasion=Occasion(
            reference=row["reference"],
            kind=row["kind"],
            cause=row["cause"],
            urgency=row["urgency"],
            silent=row["silent"],
            due_at=row["breached_at"],
            repeated=row["round"] > 1,
            form=row["form"],
            count=row["bundled"],
            references=tuple(dict.fromkeys((row["reference"], *row["others"]))),
        ),
    )


async def record(tx: Transaction, errand: Errand, outcome: Outcome, *, now: datetime) -> None:
    """Write what became of an attempt, and keep it in the message's history."""
    await tx.change(
        "UPDATE notification SET status = :status, status_at = :now, leased_until = NULL,"
        " next_try_at = :next_try_at, history = history || CAST(:entry AS jsonb)"
        " WHERE notification_id = :id AND status = 'sending'",
        {
            "id": errand.notification_id,
            "status": outcome.status,
            "now": now,
            "next_try_at": now + (outcome.retry_in or timedelta(0)),
            "entry": json.dumps(
                [{"at": now.isoformat(), "status": outcome.status, "code": outcome.code}]
            ),
        },
    )


async def give_back(tx: Transaction, ids: Sequence[UUID], *, now: datetime) -> None:
    """Return messages that were claimed but surely not sent."""
    await tx.change(
        "UPDATE notification SET status = 'pending', status_at = :now, leased_until = NULL,"
        " attempts = attempts - 1 WHERE status = 'sending'"
        " AND notification_id = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(ids), "now": now},
    )


async def take_over(tx: Transaction, *, now: datetime) -> Sequence[Row]:
    """Mark the messages of workers that died while sending: their fate is unknown.

    Those whose priority says so are sent again, with the same reference.
    """
    return await tx.execute(_ABANDONED, {"now": now, "at": now.isoformat()})


async def none_arrives(tx: Transaction, alert_id: UUID) -> bool:
    """Return whether every message of the alert's last step has failed or keeps failing."""
    rows = await tx.execute(
        "SELECT count(*) AS alive FROM notification JOIN alert USING (alert_id)"
        " WHERE alert_id = :alert_id AND notification.round = alert.round"
        " AND (status IN ('sent', 'sending', 'delivered', 'unknown', 'waiting', 'bundled')"
        " OR (status = 'pending' AND attempts = 0))",
        {"alert_id": alert_id},
    )
    return not rows[0]["alive"]
