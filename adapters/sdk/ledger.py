"""Every SQL statement of the SDK. Rows in, rows out; what they mean is decided elsewhere."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from adapters.sdk import tables
from mesh.database import Row, Transaction

_CLAIM = """
    UPDATE delivery SET state = 'attempting', attempts = attempts + 1, epoch = epoch + 1,
        crashes = crashes + CASE WHEN was = 'attempting' THEN 1 ELSE 0 END, next_at = :until
    FROM (
        SELECT d.delivery_id, d.state AS was FROM delivery d
        LEFT JOIN case_order o ON o.case_id = d.case_id
        WHERE d.state IN ('pending', 'attempting', 'unknown') AND d.next_at <= :now
          AND d.case_seq = coalesce(o.done_seq, 0) + 1
          AND d.delivery_id <> ALL (CAST(:mine AS uuid[]))
        ORDER BY d.priority, d.next_at LIMIT :limit FOR UPDATE OF d SKIP LOCKED
    ) AS due
    WHERE delivery.delivery_id = due.delivery_id
    RETURNING delivery.delivery_id, assignment_id, payload, attempts, crashes, epoch, due.was
"""
_SETTLE = """
    UPDATE delivery SET state = s.state, next_at = s.next_at, reason = s.reason, crashes = 0,
        agency_record_id = s.record, settled_at = s.settled_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:epochs AS int[]), CAST(:states AS text[]),
                CAST(:next_ats AS timestamptz[]), CAST(:reasons AS text[]),
                CAST(:records AS text[]), CAST(:settled AS timestamptz[]))
         AS s(id, epoch, state, next_at, reason, record, settled_at)
    WHERE delivery.delivery_id = s.id AND delivery.epoch = s.epoch
      AND delivery.state = 'attempting'
    RETURNING delivery.delivery_id, case_id, case_seq, delivery.state
"""
# News about a record that one assignment of ours, and only one, is now known by.
_RESOLVED = """
    SELECT q.update_id, q.payload, r.assignment_id FROM quarantine q
    CROSS JOIN LATERAL (
        SELECT min(d.assignment_id::text) AS assignment_id,
            count(DISTINCT d.assignment_id) AS assignments
        FROM delivery d WHERE d.agency_record_id = q.agency_record_id AND d.kind <> 'status'
    ) AS r
    WHERE q.reason = 'UNKNOWN_RECORD' AND q.at > :since AND q.payload IS NOT NULL
      AND r.assignments = 1
      AND NOT EXISTS (SELECT FROM outbox o WHERE o.event_id = q.update_id)
    ORDER BY q.number LIMIT 200
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery this worker may attempt. `was` tells if an earlier one may have worked."""

    delivery_id: UUID
    assignment_id: UUID
    payload: bytes
    attempts: int
    crashes: int
    epoch: int
    was: str


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt."""

    delivery_id: UUID
    epoch: int
    state: str
    next_at: datetime
    reason: str = ""
    agency_record_id: str = ""


async def add(tx: Transaction, rows: Sequence[dict[str, object]]) -> set[UUID]:
    """Take deliveries in and return the ids that are here now; one that was here stays as it is.

    An id that is not returned found its number in its case taken by another delivery.
    """
    made = await tx.insert(
        tables.delivery, rows, tail="ON CONFLICT DO NOTHING RETURNING delivery_id"
    )
    if len(made) == len(rows):
        return {row["delivery_id"] for row in made}
    here = await tx.execute(
        "SELECT delivery_id FROM delivery WHERE delivery_id = ANY(CAST(:ids AS uuid[]))",
        {"ids": [row["delivery_id"] for row in rows]},
    )
    return {row["delivery_id"] for row in here}


async def claim(
    tx: Transaction,
    *,
    now: datetime,
    lease: timedelta,
    limit: int,
    mine: Collection[UUID] = (),
) -> list[Claimed]:
    """Claim what is due and next in its case, most urgent first.

    `mine` is what the worker is carrying: it does not give itself up, however far the clock jumped.
    """
    rows = await tx.execute(
        _CLAIM, {"now": now, "until": now + lease, "limit": limit, "mine": list(mine)}
    )
    return [Claimed(**row) for row in rows]


async def settle(tx: Transaction, outcomes: Sequence[Settlement], *, now: datetime) -> set[UUID]:
    """Write the outcomes and return the ids that were still ours to settle."""
    final = ("delivered", "parked")
    rows = await tx.execute(
        _SETTLE,
        {
            "ids": [o.delivery_id for o in outcomes],
            "epochs": [o.epoch for o in outcomes],
            "states": [o.state for o in outcomes],
            "next_ats": [o.next_at for o in outcomes],
            "reasons": [o.reason for o in outcomes],
            "records": [o.agency_record_id for o in outcomes],
            "settled": [now if o.state in final else None for o in outcomes],
        },
    )
    await _move_on(tx, [row for row in rows if row["state"] == "delivered"])
    return {row["delivery_id"] for row in rows}


async def _move_on(tx: Transaction, rows: Sequence[Row]) -> None:
    # A parked delivery does not move its case on: it holds back later numbers of its own case.
    await tx.insert(
        tables.case_order,
        [{"case_id": row["case_id"], "done_seq": row["case_seq"]} for row in rows],
        tail="ON CONFLICT (case_id) DO UPDATE SET done_seq = excluded.done_seq"
        " WHERE case_order.done_seq < excluded.done_seq",
    )


async def record_losses(
    tx: Transaction, losses: Sequence[tuple[UUID, Sequence[str]]], *, now: datetime
) -> None:
    """Keep the names of fields the agency has no place for."""
    await tx.insert(
        tables.loss,
        [
            {"delivery_id": delivery_id, "fields": json.dumps(list(fields)), "at": now}
            for delivery_id, fields in losses
        ],
    )


async def assignments(tx: Transaction, record_ids: Sequence[str]) -> dict[str, list[UUID]]:
    """Return the assignments that each record of the agency was carried in for.

    News that we told of somebody else's assignment says nothing about what is done with the record.
    """
    rows = await tx.execute(
        "SELECT agency_record_id, array_agg(DISTINCT assignment_id) AS assignment_ids FROM delivery"
        " WHERE agency_record_id = ANY(CAST(:ids AS text[])) AND agency_record_id <> ''"
        " AND kind <> 'status' GROUP BY agency_record_id",
        {"ids": list(record_ids)},
    )
    return {row["agency_record_id"]: row["assignment_ids"] for row in rows}


async def cursor(tx: Transaction) -> str:
    """Return where reading stands; empty before the first time."""
    rows = await tx.execute("SELECT cursor FROM reading WHERE name = 'fetch'")
    return str(rows[0]["cursor"]) if rows else ""


async def save_cursor(tx: Transaction, value: str) -> None:
    """Move on, in the transaction that stores what was read."""
    await tx.execute(
        "INSERT INTO reading (name, cursor) VALUES ('fetch', :value)"
        " ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor",
        {"value": value},
    )


async def quarantine(tx: Transaction, rows: Sequence[dict[str, object]]) -> None:
    """Keep news that could not be understood."""
    await tx.insert(tables.quarantine, rows, tail="ON CONFLICT DO NOTHING")


async def resolved(tx: Transaction, *, since: datetime) -> Sequence[Row]:
    """Return quarantined news, not yet announced, whose record we have come to know, in order."""
    return await tx.execute(_RESOLVED, {"since": since})
