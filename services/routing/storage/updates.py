"""What was answered under a key, and news that waits for its turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mesh.database import Row, Transaction, Values
from services.routing import tables, wire
from services.routing.wire import News


async def answered(tx: Transaction, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row]:
    """Return by (agency, key) what was answered before."""
    wanted = list(keys)
    rows = await tx.execute(
        "SELECT agency, idempotency_key, digest, answer FROM act_key"
        " JOIN unnest(CAST(:agencies AS text[]), CAST(:keys AS text[])) AS k(a, k)"
        " ON agency = k.a AND idempotency_key = k.k",
        {"agencies": [agency for agency, _ in wanted], "keys": [key for _, key in wanted]},
    )
    return {(row["agency"], row["idempotency_key"]): row for row in rows}


async def insert_answers(tx: Transaction, rows: Sequence[Values]) -> int:
    """Store answers under their keys; return how many keys were free."""
    stored = await tx.insert(
        tables.act_key, rows, tail="ON CONFLICT DO NOTHING RETURNING idempotency_key"
    )
    return len(stored)


def hold(tx: Transaction, news: Sequence[News], *, now: datetime, alarm_at: datetime) -> None:
    """Keep news whose turn has not come; written with what else waits."""
    tx.insert_later(
        tables.held_update,
        [
            {
                "update_id": item.update_id,
                "assignment_id": item.assignment_id,
                "agency": item.agency,
                "payload": item.payload,
                "waiting": True,
                "outcome": "",
                "received_at": now,
                "alarm_at": alarm_at,
            }
            for item in news
        ],
        tail="ON CONFLICT DO NOTHING",
    )


async def held_for(tx: Transaction, assignment_ids: Iterable[UUID]) -> dict[UUID, list[News]]:
    """Return by assignment the news that waits for its turn, in the order in which it came."""
    rows = await tx.execute(
        "SELECT update_id, assignment_id, agency, payload FROM held_update"
        " WHERE waiting AND assignment_id = ANY(CAST(:ids AS uuid[]))"
        " ORDER BY received_at, update_id",
        {"ids": list(assignment_ids)},
    )
    found: dict[UUID, list[News]] = {}
    for row in rows:
        news = wire.news_of(row["update_id"], row["agency"], row["payload"], was_held=True)
        found.setdefault(row["assignment_id"], []).append(news)
    return found


async def release(tx: Transaction, outcomes: Mapping[UUID, str]) -> None:
    """Note what became of held news: applied, ignored or refused."""
    await tx.change(
        "UPDATE held_update SET waiting = false, alarm_at = NULL, outcome = r.outcome"
        " FROM unnest(CAST(:ids AS uuid[]), CAST(:outcomes AS text[])) AS r(id, outcome)"
        " WHERE held_update.update_id = r.id",
        {"ids": list(outcomes), "outcomes": list(outcomes.values())},
    )


async def overdue(tx: Transaction, *, now: datetime, limit: int) -> Sequence[Row]:
    """Return assignments for which news waits too long, each told of once."""
    return await tx.execute(
        "WITH late AS (SELECT update_id FROM held_update WHERE alarm_at <= :now"
        " ORDER BY alarm_at LIMIT :limit FOR UPDATE SKIP LOCKED),"
        " told AS (UPDATE held_update h SET alarm_at = NULL FROM late"
        " WHERE h.update_id = late.update_id RETURNING h.update_id, h.assignment_id)"
        " SELECT told.update_id, a.*, c.facts, c.sender, c.hears FROM told"
        " JOIN assignment a USING (assignment_id) JOIN routed_case c USING (case_id)",
        {"now": now, "limit": limit},
    )
