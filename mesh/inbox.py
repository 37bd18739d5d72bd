"""The inbox: a message's id is claimed in the transaction of its effect, so it happens once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from mesh.database import Transaction


async def claim(
    tx: Transaction, consumer: str, message_ids: Sequence[UUID], *, now: datetime
) -> set[UUID]:
    """Claim the messages for `consumer` and return those that nobody claimed before.

    Ids are claimed in sorted order, so that two workers with overlapping batches wait for each
    other instead of deadlocking.
    """
    rows = await tx.execute(
        "INSERT INTO inbox (consumer, message_id, received_at)"
        " SELECT :consumer, id, :now FROM unnest(CAST(:ids AS uuid[])) AS id ORDER BY id"
        " ON CONFLICT DO NOTHING RETURNING message_id",
        {"consumer": consumer, "ids": sorted(set(message_ids)), "now": now},
    )
    return {row["message_id"] for row in rows}


async def missing(tx: Transaction, consumer: str, message_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the messages that `consumer` has never claimed."""
    rows = await tx.execute(
        "SELECT id FROM unnest(CAST(:ids AS uuid[])) AS id WHERE NOT EXISTS"
        " (SELECT FROM inbox WHERE consumer = :consumer AND message_id = id)",
        {"consumer": consumer, "ids": list(message_ids)},
    )
    return {row["id"] for row in rows}
