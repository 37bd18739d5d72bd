"""Every SQL statement of intake. A batch is one statement, whatever its size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.database import Row, Transaction, Values
from services.intake.domain.report import Report, Summary
from services.intake.sealing import Block
from services.intake.tables import (
    assignment_seen,
    case_file,
    identity_block,
    referral_seen,
    report,
)

Key = tuple[str, str]
"""A sender and its idempotency key."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A report as its receipt needs it, for ever."""

    report_id: UUID
    case_id: UUID
    request_digest: bytes
    reference: str
    urgency: str
    accepted_at: datetime
    key_id: str


async def claim(tx: Transaction, rows: Sequence[Values]) -> set[Key]:
    """Insert the reports whose keys, ids and references are free; return the keys of these.

    Rows come sorted by key, so that two transactions with the same keys wait instead of
    deadlocking. A key that another transaction holds is waited for, and is then not free.
    """
    inserted = await tx.insert(
        report, rows, tail="ON CONFLICT DO NOTHING RETURNING source, idempotency_key"
    )
    return {(row["source"], row["idempotency_key"]) for row in inserted}


async def find(tx: Transaction, keys: Sequence[Key]) -> dict[Key, Stored]:
    """Return the reports stored under these keys."""
    rows = await tx.execute(
        "SELECT source, idempotency_key, report_id, case_id, request_digest, reference, urgency,"
        " accepted_at, key_id FROM report WHERE (source, idempotency_key) IN"
        " (SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:keys AS text[])))",
        {"sources": [key[0] for key in keys], "keys": [key[1] for key in keys]},
    )
    return {(row["source"], row["idempotency_key"]): _stored(row) for row in rows}


async def taken(tx: Transaction, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the report ids that are in use."""
    rows = await tx.execute(
        "SELECT report_id FROM report WHERE report_id = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(report_ids)},
    )
    return {row["report_id"] for row in rows}


def _stored(row: Row) -> Stored:
    return Stored(
        row["report_id"],
        row["case_id"],
        row["request_digest"],
        row["reference"],
        row["urgency"],
        row["accepted_at"],
        row["key_id"],
    )


def report_row(told: Report, key: Key, stored: Stored) -> Values:
    """Return a report as a row."""
    return {
        "report_id": stored.report_id,
        "case_id": stored.case_id,
        "source": key[0],
        "idempotency_key": key[1],
        "request_digest": stored.request_digest,
        "reference": stored.reference,
        "urgency": stored.urgency,
        "accepted_at": stored.accepted_at,
        "key_id": stored.key_id,
        "channel": told.channel,
        "kind": told.kind,
        "anonymous": told.anonymous,
        "occurred_at": told.occurred_at,
        "reported_at": told.reported_at,
        "language": told.language,
        "receiving_unit_id": told.receiving_unit_id,
    }


def case_row(told: Report, stored: Stored, people: Sequence[Summary]) -> Values:
    """Return the case that a report opens as a row."""
    place = told.place
    details = {
        "channel": told.channel,
        "problem_types": told.problem_types,
        "silent": told.silent,
        "excluded": told.excluded,
        "place": [place.district, place.subdistrict, place.latitude, place.longitude],
        "people": [[p.pseudonym, p.age_band, p.sex, p.nationality, p.groups] for p in people],
        "need_summary": told.need_summary,
        "safe_contact": told.safe_contact,
    }
    return {
        "case_id": stored.case_id,
        "reference": stored.reference,
        "opened_at": stored.accepted_at,
        "status": "received",
        "status_at": stored.accepted_at,
        "urgency": stored.urgency,
        "ess_cause": told.ess_cause,
        "province_code": place.province,
        "details": json.dumps(details),
    }


def open_cases(tx: Transaction, rows: Sequence[Values]) -> None:
    """Insert new cases."""
    tx.insert_later(case_file, rows)


def keep_blocks(tx: Transaction, blocks: Sequence[Block]) -> None:
    """Insert sealed identity blocks."""
    tx.insert_later(
        identity_block,
        [
            {
                "case_id": block.case_id,
                "report_id": block.report_id,
                "fields": block.fields,
                "schema_version": block.schema_version,
                "key_id": block.key_id,
                "wrapped_key": block.wrapped_key,
                "sealed": block.sealed,
            }
            for block in blocks
        ],
    )


async def blocks_of(tx: Transaction, case_id: UUID, fields: str) -> list[Block]:
    """Return one group of fields of all reports of a case."""
    rows = await tx.execute(
        "SELECT report_id, case_id, fields, schema_version, key_id, wrapped_key, sealed"
        " FROM identity_block WHERE case_id = :case_id AND fields = :fields ORDER BY report_id",
        {"case_id": case_id, "fields": fields},
    )
    return [
        Block(
            row["report_id"],
            row["case_id"],
            row["fields"],
            row["schema_version"],
            row["key_id"],
            row["wrapped_key"],
            row["sealed"],
        )
        for row in rows
    ]


async def get_case(tx: Transaction, case_id: UUID) -> Row | None:
    """Return a case, or None."""
    rows = await tx.execute(
        "SELECT * FROM case_file WHERE case_id = :case_id", {"case_id": case_id}
    )
    return rows[0] if rows else None


async def track(tx: Transaction, reference: str) -> Row | None:
    """Return what a reporter's question needs: the report's id and key, the case's status."""
    rows = await tx.execute(
        "SELECT report_id, key_id, status, status_at FROM report JOIN case_file USING (case_id)"
        " WHERE report.reference = :reference",
        {"reference": reference},
    )
    return rows[0] if rows else None


async def holder(tx: Transaction, assignment_id: UUID) -> Row | None:
    """Return an assignment as last heard of, with what its case excludes."""
    rows = await tx.execute(
        "SELECT assignment_seen.case_id, agency, unit_id, opens_identity,"
        " details->'excluded' AS excluded"
        " FROM assignment_seen JOIN case_file USING (case_id)"
        " WHERE assignment_id = :assignment_id",
        {"assignment_id": assignment_id},
    )
    return rows[0] if rows else None


async def lock_cases(tx: Transaction, case_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Lock cases in the order of their ids and return them."""
    rows = await tx.execute(
        "SELECT case_id, status, details->'excluded' AS excluded FROM case_file"
        " WHERE case_id = ANY(CAST(:ids AS uuid[])) ORDER BY case_id FOR UPDATE",
        {"ids": list(case_ids)},
    )
    return {row["case_id"]: row for row in rows}


async def see_assignments(tx: Transaction, rows: Sequence[Values]) -> Sequence[Row]:
    """Keep the assignments as they stand, unless something newer was heard; return the changed."""
    return await tx.insert(
        assignment_seen,
        rows,
        tail="ON CONFLICT (assignment_id) DO UPDATE SET state = EXCLUDED.state,"
        " version = EXCLUDED.version, opens_identity = EXCLUDED.opens_identity"
        " WHERE assignment_seen.version < EXCLUDED.version"
        " RETURNING assignment_id, case_id, agency, unit_id, opens_identity",
    )


async def see_referrals(tx: Transaction, rows: Sequence[Values]) -> None:
    """Keep the referrals as they stand, unless something newer was heard."""
    await tx.insert(
        referral_seen,
        rows,
        tail="ON CONFLICT (referral_id) DO UPDATE SET state = EXCLUDED.state,"
        " state_at = EXCLUDED.state_at WHERE referral_seen.state_at <= EXCLUDED.state_at",
    )


async def states(
    tx: Transaction, case_ids: Iterable[UUID]
) -> dict[UUID, tuple[list[str], list[str]]]:
    """Return the states of each case's assignments and referrals."""
    found: dict[UUID, tuple[list[str], list[str]]] = {case_id: ([], []) for case_id in case_ids}
    rows = await tx.execute(
        "SELECT case_id, state, 0 AS which FROM assignment_seen WHERE case_id = ANY(:ids)"
        " UNION ALL SELECT case_id, state, 1 FROM referral_seen WHERE case_id = ANY(:ids)",
        {"ids": list(found)},
    )
    for row in rows:
        found[row["case_id"]][row["which"]].append(row["state"])
    return found


async def set_status(tx: Transaction, changed: Sequence[tuple[UUID, str, datetime]]) -> None:
    """Set the coarse status of cases."""
    await tx.change(
        "UPDATE case_file SET status = new.status, status_at = new.at FROM unnest("
        "CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:at AS timestamptz[]))"
        " AS new(case_id, status, at) WHERE case_file.case_id = new.case_id",
        {
            "ids": [item[0] for item in changed],
            "states": [item[1] for item in changed],
            "at": [item[2] for item in changed],
        },
    )
