"""Cases, referrals, assignments and the decisions that made them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from directory.model import Snapshot
from mesh.database import Row, Transaction, Values
from policies.model import Policies
from services.routing import tables, wire
from services.routing.domain.decision import Asked, Choice, candidates
from services.routing.domain.model import Assignment, Change, ReferralState, State
from services.routing.wire import RoutedCase

_VERSIONS = UUID("6b0f7b6e-5d58-5c0e-9a43-3b5f0f1f7e21")

_LOCK = """
    SELECT a.*, c.facts, c.sender, c.hears
    FROM assignment a JOIN routed_case c ON c.case_id = a.case_id
    WHERE a.assignment_id = ANY(CAST(:ids AS uuid[]))
    ORDER BY a.assignment_id FOR UPDATE OF a
"""
_MOVE = """
    UPDATE assignment SET state = m.state, state_before = m.state_before, open = m.open,
        version = m.version, reason_code = m.reason_code, state_at = m.state_at,
        acted_at = m.acted_at, held = m.held
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:befores AS text[]),
        CAST(:opens AS boolean[]), CAST(:versions AS int[]), CAST(:reasons AS text[]),
        CAST(:state_ats AS timestamptz[]), CAST(:acted_ats AS timestamptz[]),
        CAST(:helds AS smallint[]))
        AS m(id, state, state_before, open, version, reason_code, state_at, acted_at, held)
    WHERE assignment.assignment_id = m.id
"""
_END_REFERRALS = """
    UPDATE referral SET state = e.state, state_at = :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[])) AS e(id, state)
    WHERE referral.referral_id = e.id
"""
_CLOSED = """
    SELECT case_id FROM referral WHERE case_id = ANY(CAST(:ids AS uuid[])) GROUP BY case_id
    HAVING NOT bool_or(state IN ('draft', 'active', 'on_hold'))
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An assignment under its lock, with its case."""

    case: RoutedCase
    assignment: Assignment


async def insert_cases(tx: Transaction, cases: Sequence[RoutedCase], *, now: datetime) -> set[UUID]:
    """Store the cases and return those that were not known before."""
    rows = await tx.insert(
        tables.routed_case,
        [
            {
                "case_id": case.facts.case_id,
                "reference": case.facts.reference,
                "province_code": case.facts.place.province,
                "sender": case.sender,
                "hears": case.hears,
                "reported_at": case.facts.reported_at,
                "routed_at": now,
                "facts": case.payload,
            }
            for case in cases
        ],
        tail="ON CONFLICT (case_id) DO NOTHING RETURNING case_id",
    )
    return {row["case_id"] for row in rows}


async def lock_assignments(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, Entry]:
    """Return the assignments that exist, locked in the order of their ids."""
    rows = await tx.execute(_LOCK, {"ids": sorted(set(ids))})
    cases: dict[UUID, RoutedCase] = {}
    for row in rows:
        if row["case_id"] not in cases:
            cases[row["case_id"]] = wire.known_case(
                row["facts"], sender=row["sender"], hears=row["hears"]
            )
    return {row["assignment_id"]: Entry(cases[row["case_id"]], assignment_of(row)) for row in rows}


def assignment_of(row: Row) -> Assignment:
    return Assignment(
        assignment_id=row["assignment_id"],
        referral_id=row["referral_id"],
        case_id=row["case_id"],
        problem_type=row["problem_type"],
        track=row["track"],
        part=row["part"],
        unit_id=row["unit_id"],
        agency=row["agency"],
        adapter=row["adapter"],
        ministry=row["ministry"],
        unit_province=row["unit_province"],
        state=State(row["state"]),
        version=row["version"],
        rule=row["rule"],
        replaces=row["replaces"],
        may_decline=row["may_decline"],
        requested_at=row["requested_at"],
        state_at=row["state_at"],
        state_before=State(row["state_before"]) if row["state_before"] else None,
        reason_code=row["reason_code"],
        acted_at=row["acted_at"],
        held=row["held"],
    )


def insert_choices(
    tx: Transaction,
    choices: Sequence[tuple[RoutedCase, Choice]],
    snapshot: Snapshot,
    policies: Policies,
) -> None:
    """Store decisions and the assignments they made; the referrals of first choices too.

    Written with what else waits, before the next statement or the commit.
    """
    first = [choice for _, choice in choices if choice.replaces is None]
    tx.insert_later(
        tables.referral,
        [
            {
                "referral_id": choice.referral_id,
                "case_id": choice.case_id,
                "problem_type": choice.problem_type,
                "track": choice.track,
                "part": choice.part,
                "state": ReferralState.ACTIVE,
                "opened_at": choice.decided_at,
                "state_at": choice.decided_at,
            }
            for choice in first
        ],
    )
    tx.insert_later(
        tables.assignment,
        [
            _assignment_row(choice.assignment, case.facts.place.province)
            for case, choice in choices
            if choice.assignment
        ],
    )
    versions_id = uuid5(_VERSIONS, f"{snapshot.version}|{snapshot.digest}|{policies.digest}")
    tx.insert_later(
        tables.data_version,
        [
            {
                "versions_id": versions_id,
                "registry_version": snapshot.version,
                "registry_digest": snapshot.digest,
                "policy_digest": policies.digest,
                "policy_versions": json.dumps(policies.version_numbers()),
            }
        ],
        tail="ON CONFLICT DO NOTHING",
    )
    tx.insert_later(
        tables.decision, [_decision_row(case, choice, versions_id) for case, choice in choices]
    )


def _assignment_row(assignment: Assignment, province: str) -> Values:
    return {
        "assignment_id": assignment.assignment_id,
        "referral_id": assignment.referral_id,
        "case_id": assignment.case_id,
        "problem_type": assignment.problem_type,
        "track": assignment.track,
        "part": assignment.part,
        "unit_id": assignment.unit_id,
        "agency": assignment.agency,
        "adapter": assignment.adapter,
        "ministry": assignment.ministry,
        "unit_province": assignment.unit_province,
        "province_code": province,
        "state": assignment.state,
        "open": True,
        "version": assignment.version,
        "rule": assignment.rule,
        "replaces": assignment.replaces,
        "may_decline": assignment.may_decline,
        "reason_code": "",
        "requested_at": assignment.requested_at,
        "state_at": assignment.state_at,
        "held": 0,
    }


def _decision_row(case: RoutedCase, choice: Choice, versions_id: UUID) -> Values:
    question: dict[str, object] = {"kind": case.facts.kind, "urgency": case.facts.urgency}
    if choice.replaces:
        question["declined"] = sorted(choice.question.declined)
        question["taking_part"] = sorted(choice.question.taking_part)
    return {
        "decision_id": choice.decision_id,
        "referral_id": choice.referral_id,
        "rule": choice.rule,
        "reason": choice.reason,
        "candidates": json.dumps(candidates(choice)),
        "fallback_chain": json.dumps(choice.resolution.steps),
        "question": json.dumps(question),
        "versions_id": versions_id,
        "decided_at": choice.decided_at,
    }


async def asked_before(tx: Transaction, case_ids: Iterable[UUID]) -> dict[UUID, list[Asked]]:
    """Return by case every unit that was ever asked to help with it."""
    rows = await tx.execute(
        "SELECT case_id, referral_id, unit_id, agency, state FROM assignment"
        " WHERE case_id = ANY(CAST(:ids AS uuid[]))",
        {"ids": list(case_ids)},
    )
    found: dict[UUID, list[Asked]] = {}
    for row in rows:
        found.setdefault(row["case_id"], []).append(
            Asked(row["referral_id"], row["unit_id"], row["agency"], State(row["state"]))
        )
    return found


async def update_assignments(tx: Transaction, moved: Sequence[Assignment]) -> None:
    """Write assignments that the caller holds under lock."""
    await tx.change(
        _MOVE,
        {
            "ids": [a.assignment_id for a in moved],
            "states": [a.state for a in moved],
            "befores": [a.state_before for a in moved],
            "opens": [a.open for a in moved],
            "versions": [a.version for a in moved],
            "reasons": [a.reason_code for a in moved],
            "state_ats": [a.state_at for a in moved],
            "acted_ats": [a.acted_at for a in moved],
            "helds": [a.held for a in moved],
        },
    )


def insert_changes(tx: Transaction, changes: Sequence[Change], *, now: datetime) -> None:
    """Store what was done, for ever; written with what else waits."""
    tx.insert_later(
        tables.assignment_change,
        [
            {
                "assignment_id": change.after.assignment_id,
                "version": change.after.version,
                "state_from": change.before.state,
                "state_to": change.after.state,
                "action": change.act.action,
                "role": change.act.role,
                "agency": change.act.agency,
                "actor": change.act.actor,
                "reason_code": change.after.reason_code,
                "outcomes": json.dumps(change.act.outcomes),
                "unconfirmed": change.unconfirmed,
                "occurred_at": change.occurred_at,
                "recorded_at": now,
            }
            for change in changes
        ],
    )


async def end_referrals(
    tx: Transaction, ended: Mapping[UUID, tuple[UUID, ReferralState]], *, now: datetime
) -> set[UUID]:
    """Set the states of referrals (to case and state); return the cases that are closed by it.

    The cases' rows are locked first: two referrals that end at the same time must not each believe
    that the other one is still open.
    """
    cases = sorted({case_id for case_id, _ in ended.values()})
    await tx.execute(
        "SELECT case_id FROM routed_case WHERE case_id = ANY(CAST(:ids AS uuid[]))"
        " ORDER BY case_id FOR NO KEY UPDATE",
        {"ids": cases},
    )
    await tx.change(
        _END_REFERRALS,
        {"ids": list(ended), "states": [state for _, state in ended.values()], "now": now},
    )
    return {row["case_id"] for row in await tx.execute(_CLOSED, {"ids": cases})}
