"""Repairing: offering deliveries again, showing news that waits too long for its turn."""

from __future__ import annotations

from datetime import datetime

from mesh.database import Transaction
from mesh.outbox import Outbox
from services.routing import announcing, wire
from services.routing.storage import deliveries, updates
from services.routing.storage.referrals import assignment_of


async def offer_again(tx: Transaction, outbox: Outbox, *, now: datetime, limit: int) -> int:
    """Offer what no system has received; return how many deliveries that were."""
    offered = await deliveries.offer_again(tx, now=now, limit=limit)
    if offered:
        tx.after_commit(outbox.written.set)
    return offered


async def show_overdue(tx: Transaction, outbox: Outbox, *, now: datetime, limit: int) -> int:
    """Tell alerting of referrals whose news cannot be taken; return how many that were."""
    rows = await updates.overdue(tx, now=now, limit=limit)
    events = []
    for row in rows:
        case = wire.known_case(row["facts"], sender=row["sender"], hears=row["hears"])
        assignment = assignment_of(row)
        events.append(
            announcing.referral_event(
                case,
                assignment.referral_id,
                assignment.problem_type,
                "parked",
                now,
                because_of=row["update_id"],
            )
        )
    await outbox.append(tx, events)
    return len(rows)
