"""Every SQL statement about messages that wait, and about those that speak for others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mesh.database import Row, Transaction
from services.alerting.domain.pacing import Held, Past, Plan

_WAITING = """
    SELECT n.notification_id, n.recipient_id, n.channel, n.created_at, alert.policy_id, alert.tier,
        alert.policy ->> 'priority' AS priority, n.round = 1 AS first
    FROM notification n JOIN alert USING (alert_id)
    WHERE n.status = 'waiting' AND n.next_try_at <= :now
    ORDER BY n.next_try_at LIMIT :limit FOR UPDATE OF n SKIP LOCKED
"""
_PAST = """
    SELECT n.recipient_id, n.channel, n.released_at, alert.policy_id, alert.tier
    FROM notification n JOIN alert USING (alert_id)
    WHERE n.recipient_id = ANY(CAST(:recipients AS text[])) AND n.released_at > :since
    ORDER BY n.released_at
"""
_RELEASE = """
    UPDATE notification SET status = 'pending', waits_for = '', next_try_at = :now,
        released_at = :now, bundled = new.bundled,
        form = CASE WHEN new.bundled > 1 THEN 'bundle' ELSE 'single' END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS int[])) AS new (id, bundled)
    WHERE notification_id = new.id
"""
_FOLLOW = """
    UPDATE notification SET status = 'bundled', waits_for = '', status_at = :now,
        bundle_id = new.bundle_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:bundles AS uuid[])) AS new (id, bundle_id)
    WHERE notification_id = new.id
"""
_HOLD = """
    UPDATE notification SET next_try_at = new.until, waits_for = new.reason
    FROM unnest(CAST(:ids AS uuid[]), CAST(:untils AS timestamptz[]), CAST(:reasons AS text[]))
        AS new (id, until, reason)
    WHERE notification_id = new.id
"""
# A message that spoke for others was taken back: what those say is still true, so they wait again.
_AGAIN = """
    UPDATE notification n SET status = 'waiting', bundle_id = NULL, next_try_at = :now
    FROM notification spoken
    WHERE n.status = 'bundled' AND spoken.notification_id = n.bundle_id
        AND spoken.status = 'cancelled'
"""
_FAILED = """
    UPDATE notification n SET status = 'failed', status_at = :now
    FROM notification spoken
    WHERE n.status = 'bundled' AND spoken.notification_id = n.bundle_id
        AND spoken.status = 'failed'
    RETURNING n.alert_id
"""
_STANDING = """
    SELECT scope, count(*) AS standing,
        (array_agg(alert_id ORDER BY opened_at, alert_id))[1] AS alert_id,
        (array_agg(case_id ORDER BY opened_at, alert_id))[1] AS case_id
    FROM (
        SELECT a.alert_id, a.case_id, a.opened_at, CASE a.tier WHEN 'province' THEN w.province
            WHEN 'ministry' THEN a.ministry WHEN 'unit' THEN a.unit_id ELSE '' END AS scope
        FROM alert a JOIN watch w USING (case_id)
        WHERE a.state IN ('open', 'acknowledged', 'snoozed') AND a.tier = :tier
            AND a.kind <> 'warning'
    ) AS standing
    GROUP BY scope
"""
_LOADS = """
    SELECT recipient_id, count(DISTINCT alert_id) AS alerts FROM notification
    WHERE recipient_id = ANY(CAST(:recipients AS text[])) AND created_at > :since
        AND form <> 'digest' AND status <> 'cancelled'
    GROUP BY recipient_id
"""


async def waiting(tx: Transaction, *, now: datetime, limit: int) -> list[Held]:
    """Claim messages whose wait is over."""
    found = await tx.execute(_WAITING, {"now": now, "limit": limit})
    return [Held(**row) for row in found]


async def past(tx: Transaction, held: Sequence[Held], *, since: datetime) -> Past:
    """Return what the desks concerned were sent since an instant."""
    recipients = sorted({message.recipient_id for message in held})
    sent: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    last: dict[tuple[str, str, str, str], datetime] = {}
    for row in await tx.execute(_PAST, {"recipients": recipients, "since": since}):
        contact = row["recipient_id"], row["channel"]
        sent[contact].append(row["released_at"])
        last[*contact, row["policy_id"], row["tier"]] = row["released_at"]
    return Past(sent, last)


async def carry_out(tx: Transaction, plan: Plan, *, now: datetime) -> None:
    """Hand over what goes, tie to it what it speaks for, and write down why the rest waits."""
    if plan.released:
        counts = [1 + len(others) for others in plan.released.values()]
        await tx.change(_RELEASE, {"ids": list(plan.released), "counts": counts, "now": now})
    tied = [(other, lead) for lead, others in plan.released.items() for other in others]
    if tied:
        ids, bundles = zip(*tied, strict=True)
        await tx.change(_FOLLOW, {"ids": list(ids), "bundles": list(bundles), "now": now})
    if plan.held:
        await tx.change(
            _HOLD,
            {
                "ids": list(plan.held),
                "untils": [until for until, _ in plan.held.values()],
                "reasons": [reason for _, reason in plan.held.values()],
            },
        )


async def settle_bundles(tx: Transaction, *, now: datetime) -> tuple[int, list[UUID]]:
    """Let messages follow what became of the one that speaks for them.

    Returns how many wait again, and the alerts whose message has failed with it.
    """
    again = await tx.change(_AGAIN, {"now": now})
    failed = await tx.execute(_FAILED, {"now": now})
    return again, sorted({row["alert_id"] for row in failed})


async def standing(tx: Transaction, tier: str) -> Sequence[Row]:
    """Return, per scope of a tier, how many alerts stand, with the oldest."""
    return await tx.execute(_STANDING, {"tier": tier})


async def loads(
    tx: Transaction, recipients: Sequence[str], *, now: datetime, shift: timedelta
) -> dict[str, int]:
    """Return about how many alerts each desk was told within a shift's length."""
    found = await tx.execute(_LOADS, {"recipients": list(recipients), "since": now - shift})
    return {row["recipient_id"]: row["alerts"] for row in found}
