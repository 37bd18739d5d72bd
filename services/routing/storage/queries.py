"""Reading for those who ask: a case's referrals, a decision, open work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mesh.database import Transaction
from services.routing.domain.model import Assignment, DecisionRecord, Milestone, Referral
from services.routing.storage.referrals import assignment_of

_WORK = """
    SELECT a.*, c.facts FROM assignment a JOIN routed_case c ON c.case_id = a.case_id
    WHERE a.open {filters} AND (a.requested_at, a.assignment_id) > (:after_at, :after_id)
    ORDER BY a.requested_at, a.assignment_id LIMIT :limit
"""


async def referrals_of(tx: Transaction, case_id: UUID) -> list[Referral] | None:
    """Return the case's referrals, the leading one first; None when routing knows no such case."""
    cases = await tx.execute(
        "SELECT reported_at FROM routed_case WHERE case_id = :id", {"id": case_id}
    )
    if not cases:
        return None
    submitted = Milestone("submitted", cases[0]["reported_at"], None)
    rows = await tx.execute(
        "SELECT referral_id, problem_type, state, part FROM referral WHERE case_id = :id"
        " ORDER BY part, opened_at, track, referral_id",
        {"id": case_id},
    )
    assignments = await _assignments_of(tx, case_id)
    milestones = await _milestones_of(tx, [row["referral_id"] for row in rows])
    return [
        Referral(
            row["referral_id"],
            row["problem_type"],
            row["state"],
            row["part"],
            tuple(assignments.get(row["referral_id"], ())),
            (submitted, *milestones.get(row["referral_id"], ())),
        )
        for row in rows
    ]


async def _assignments_of(tx: Transaction, case_id: UUID) -> dict[UUID, list[Assignment]]:
    found: dict[UUID, list[Assignment]] = {}
    for row in await tx.execute(
        "SELECT * FROM assignment WHERE case_id = :id ORDER BY requested_at, assignment_id",
        {"id": case_id},
    ):
        found.setdefault(row["referral_id"], []).append(assignment_of(row))
    return found


async def _milestones_of(
    tx: Transaction, referral_ids: Sequence[UUID]
) -> dict[UUID, list[Milestone]]:
    found: dict[UUID, list[Milestone]] = {}
    for row in await tx.execute(
        "SELECT referral_id, kind, assignment_id, occurred_at FROM milestone"
        " WHERE referral_id = ANY(CAST(:ids AS uuid[])) ORDER BY occurred_at, recorded_at, kind",
        {"ids": list(referral_ids)},
    ):
        fact = Milestone(row["kind"], row["occurred_at"], row["assignment_id"])
        found.setdefault(row["referral_id"], []).append(fact)
    return found


async def decision_of(tx: Transaction, assignment_id: UUID) -> DecisionRecord | None:
    """Return the decision that made an assignment, with the versions it was made by."""
    rows = await tx.execute(
        "SELECT d.rule, d.candidates, d.fallback_chain, d.decided_at, v.registry_version,"
        " v.registry_digest, v.policy_digest, v.policy_versions"
        " FROM decision d JOIN data_version v USING (versions_id) WHERE d.decision_id = :id",
        {"id": assignment_id},
    )
    if not rows:
        return None
    row = rows[0]
    return DecisionRecord(
        rule=row["rule"],
        candidates=tuple((unit_id, reason) for unit_id, reason in row["candidates"]),
        fallback_chain=tuple(row["fallback_chain"]),
        decided_at=row["decided_at"],
        registry_version=row["registry_version"],
        registry_digest=row["registry_digest"],
        policy_digest=row["policy_digest"],
        policy_versions=row["policy_versions"],
    )


async def open_work(
    tx: Transaction, filters: Mapping[str, str], *, after: tuple[datetime, UUID], limit: int
) -> list[tuple[Assignment, bytes]]:
    """Return open assignments with the report of their cases, oldest first, from after a place.

    `filters` maps columns of ours to what they must be; its keys are never made from input.
    """
    clauses = " ".join(f"AND a.{column} = :{column}" for column in sorted(filters))
    rows = await tx.execute(
        _WORK.format(filters=clauses),
        {**filters, "after_at": after[0], "after_id": after[1], "limit": limit},
    )
    return [(assignment_of(row), row["facts"]) for row in rows]
