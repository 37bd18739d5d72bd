"""Deliveries: what adapters carry, numbered within (case, agency), and what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mesh.database import Row, Transaction
from services.routing import tables
from services.routing.announcing import Parcel
from services.routing.domain.identifiers import event_id

FIRST_OFFER_AGAIN = timedelta(seconds=60)
OFFER_AGAIN_AT_MOST = timedelta(hours=1)

_COUNT_ON = """
    INSERT INTO case_counter (case_id, agency, last)
    SELECT case_id, agency, n
    FROM unnest(CAST(:cases AS uuid[]), CAST(:agencies AS text[]), CAST(:counts AS int[]))
        AS wanted(case_id, agency, n) ORDER BY case_id, agency
    ON CONFLICT (case_id, agency) DO UPDATE SET last = case_counter.last + EXCLUDED.last
    RETURNING case_id, agency, last
"""
_RECEIPTS = """
    UPDATE delivery SET state = r.state, state_at = :now, next_offer_at = NULL,
        reason_code = r.reason, agency_record_id = r.record
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
        CAST(:records AS text[])) AS r(id, state, reason, record)
    WHERE delivery.delivery_id = r.id
"""
_DUE_AGAIN = """
    SELECT d.delivery_id, d.offers FROM delivery d JOIN outbox o ON o.event_id = d.delivery_id
    WHERE d.next_offer_at <= :now AND o.state > 0
    ORDER BY d.next_offer_at LIMIT :limit FOR UPDATE OF d SKIP LOCKED
"""
_OFFER_AGAIN = """
    INSERT INTO outbox (event_id, subject, headers, payload, priority, created_at)
    SELECT again.event_id, o.subject, o.headers, o.payload, o.priority, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:event_ids AS uuid[])) AS again(id, event_id)
        JOIN outbox o ON o.event_id = again.id
    ON CONFLICT (event_id) DO NOTHING
"""
_OFFERED = """
    UPDATE delivery SET state = 'sent', state_at = :now, offers = f.offers,
        next_offer_at = f.next_offer_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:offers AS smallint[]),
        CAST(:nexts AS timestamptz[])) AS f(id, offers, next_offer_at)
    WHERE delivery.delivery_id = f.id
"""


async def number(tx: Transaction, parcels: Sequence[Parcel]) -> list[int]:
    """Return each parcel's number within (case, adapter).

    The counter's row lock makes the order of numbers the order of commits; a rollback gives them
    back, so there is no gap.
    """
    counts: dict[tuple[UUID, str], int] = {}
    for parcel in parcels:
        key = parcel.assignment.case_id, parcel.adapter
        counts[key] = counts.get(key, 0) + 1
    rows = await tx.execute(
        _COUNT_ON,
        {
            "cases": [case_id for case_id, _ in counts],
            "agencies": [agency for _, agency in counts],
            "counts": list(counts.values()),
        },
    )
    last = {(row["case_id"], row["agency"]): row["last"] for row in rows}
    following = {key: last[key] - count for key, count in counts.items()}
    numbers = []
    for parcel in parcels:
        key = parcel.assignment.case_id, parcel.adapter
        following[key] += 1
        numbers.append(following[key])
    return numbers


def insert(tx: Transaction, numbered: Sequence[tuple[Parcel, UUID, int]], *, now: datetime) -> None:
    """Store what adapters are to carry; written with what else waits."""
    tx.insert_later(
        tables.delivery,
        [
            {
                "delivery_id": delivery_id,
                "assignment_id": parcel.assignment.assignment_id,
                "case_id": parcel.assignment.case_id,
                "agency": parcel.adapter,
                "kind": parcel.kind,
                "status": parcel.status,
                "case_seq": number,
                "state": "created",
                "created_at": now,
                "state_at": now,
                "next_offer_at": now + FIRST_OFFER_AGAIN,
                "offers": 1,
                "reason_code": "",
                "agency_record_id": "",
            }
            for parcel, delivery_id, number in numbered
        ],
    )


async def find(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Return the deliveries that exist, by id."""
    rows = await tx.execute(
        "SELECT delivery_id, assignment_id, agency, kind, state FROM delivery"
        " WHERE delivery_id = ANY(CAST(:ids AS uuid[])) ORDER BY delivery_id FOR UPDATE",
        {"ids": sorted(set(ids))},
    )
    return {row["delivery_id"]: row for row in rows}


@dataclass(frozen=True, slots=True)
class ReceiptFact:
    """What became of a delivery at the agency's system."""

    delivery_id: UUID
    state: str
    reason_code: str = ""
    agency_record_id: str = ""


async def record_receipts(
    tx: Transaction, receipts: Sequence[ReceiptFact], *, now: datetime
) -> None:
    await tx.change(
        _RECEIPTS,
        {
            "ids": [receipt.delivery_id for receipt in receipts],
            "states": [receipt.state for receipt in receipts],
            "reasons": [receipt.reason_code for receipt in receipts],
            "records": [receipt.agency_record_id for receipt in receipts],
            "now": now,
        },
    )


async def offer_again(tx: Transaction, *, now: datetime, limit: int) -> int:
    """Announce again what no system has received; return how many deliveries that were.

    The announcement has an id of its own, so that the broker does not take it for a repetition;
    the delivery inside keeps its id, by which the adapter knows whether it has it.
    """
    rows = await tx.execute(_DUE_AGAIN, {"now": now, "limit": limit})
    if not rows:
        return 0
    ids = [row["delivery_id"] for row in rows]
    offers = [row["offers"] + 1 for row in rows]
    event_ids = [event_id(now, i, "offered", n) for i, n in zip(ids, offers, strict=True)]
    await tx.change(_OFFER_AGAIN, {"ids": ids, "event_ids": event_ids, "now": now})
    await tx.change(
        _OFFERED,
        {
            "ids": ids,
            "offers": offers,
            "nexts": [now + _pause(n) for n in offers],
            "now": now,
        },
    )
    return len(rows)


def _pause(offers: int) -> timedelta:
    """Double the pause each time: an agency that is down for days must not drown in repetitions."""
    doubled: timedelta = FIRST_OFFER_AGAIN * 2.0 ** min(offers - 1, 10)
    return min(doubled, OFFER_AGAIN_AT_MOST)
