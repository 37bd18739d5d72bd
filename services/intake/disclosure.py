"""What is told to whom: a coarse status to the reporter, the identity to who holds the case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from mesh import audit
from mesh.audit import Leaf
from mesh.database import Row, Transaction
from mesh.errors import NotFoundError
from services.intake import sealing, storage, wire
from services.intake.domain import progress, receipts
from services.intake.keys import Keyset
from songtor.intake.v1 import intake_pb2

_NOBODYS = bytes(32)
"""Stands in for a key, so that a reference that is not there costs the same work."""


async def track(
    tx: Transaction,
    keyset: Keyset,
    reference: str,
    code: str,
    *,
    now: datetime,
    keep_after_closing: timedelta,
) -> Row:
    """Return a case's coarse status to who knows its reference and code.

    A wrong number, a wrong code and a code that has run out look the same.
    """
    wanted = receipts.read_reference(reference)
    row = await storage.track(tx, wanted) if wanted else None
    key = keyset.keys.get(row["key_id"]) if row else None
    secret = key.follow_up if key else _NOBODYS
    expected = receipts.follow_up_code(secret, row["report_id"] if row else UUID(int=0))
    matches = receipts.same_code(expected, code)
    if row is None or key is None or not matches or _run_out(row, now, keep_after_closing):
        raise NotFoundError("no report has this reference and code", reason="NO_SUCH_REPORT")
    return row


def _run_out(row: Row, now: datetime, keep_after_closing: timedelta) -> bool:
    ended: datetime = row["status_at"] + keep_after_closing
    return bool(row["status"] == progress.CLOSED) and now > ended


@dataclass(frozen=True, slots=True)
class Opening:
    """An agency's wish to know who a case is about."""

    assignment_id: UUID
    case_id: UUID | None
    agency: str
    purpose: str
    officer: str


async def open_identity(
    tx: Transaction, keyset: Keyset, wish: Opening, *, now: datetime
) -> intake_pb2.OpenIdentityResponse | None:
    """Return what a case's identity blocks hold, or None: absent and forbidden are the same.

    Either way a leaf says who asked. The caller commits before it answers.
    """
    held = await storage.holder(tx, wish.assignment_id)
    allowed = held is not None and _may_open(held, wish)
    await audit.append(
        tx,
        [
            Leaf(
                actor=f"agency:{wish.agency}/{wish.officer}",
                action="identity_opened" if allowed else "identity_refused",
                subject_id=str(held["case_id"]) if held else "",
                facts={"assignment_id": str(wish.assignment_id), "purpose": wish.purpose},
            )
        ],
        now=now,
    )
    if held is None or not allowed:
        return None
    blocks = await storage.blocks_of(tx, held["case_id"], sealing.PEOPLE)
    return wire.identity_from([sealing.unseal(keyset, block) for block in blocks])


def _may_open(held: Row, wish: Opening) -> bool:
    return (
        held["opens_identity"]
        and held["agency"] == wish.agency
        and wish.case_id in (None, held["case_id"])
        and not progress.shut_out(held["excluded"], agency=held["agency"], unit_id=held["unit_id"])
    )
