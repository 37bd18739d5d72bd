"""What intake hears of referrals: the coarse status, and who may open an identity block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from mesh import audit
from mesh.audit import Leaf
from mesh.clock import Clock
from mesh.database import Row, Transaction, Values
from mesh.errors import NotFoundError
from mesh.messaging import Message
from services.intake import storage, wire
from services.intake.domain import progress
from songtor.routing.v1 import events_pb2

Heard = events_pb2.AssignmentChanged | events_pb2.ReferralChanged
Assignments = dict[UUID, events_pb2.AssignmentChanged]
Referrals = dict[UUID, events_pb2.ReferralChanged]


class ReferralsHeard:
    """Handles batches of the durable `intake-referrals`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Bring the cases concerned up to date with what was heard, in any order it came."""
        assignments, referrals = _newest(messages)
        heard: list[Heard] = [*assignments.values(), *referrals.values()]
        case_ids = {UUID(event.scope.case_id) for event in heard}
        cases = await storage.lock_cases(tx, case_ids)
        if case_ids - cases.keys():
            raise NotFoundError("a case that intake never opened", reason="NO_SUCH_CASE")
        now = self._clock.now()
        changed = await storage.see_assignments(tx, _assignment_rows(assignments, cases))
        await storage.see_referrals(tx, _referral_rows(referrals))
        await audit.append(tx, _leaves(changed), now=now)
        await self._set_status(tx, cases, heard)

    async def _set_status(
        self,
        tx: Transaction,
        cases: dict[UUID, Row],
        heard: Iterable[Heard],
    ) -> None:
        at: dict[UUID, datetime] = {}
        for event in heard:
            case_id = UUID(event.scope.case_id)
            happened = event.occurred_at.ToDatetime(tzinfo=UTC)
            at[case_id] = max(happened, at.get(case_id, happened))
        changed = []
        for case_id, (assigned, referred) in (await storage.states(tx, cases)).items():
            status = progress.status(assigned, referred)
            if status != cases[case_id]["status"]:
                changed.append((case_id, status, at[case_id]))
        if changed:
            await storage.set_status(tx, changed)


def _newest(messages: Sequence[Message]) -> tuple[Assignments, Referrals]:
    """Return the newest word on each assignment and referral of a batch."""
    assignments: Assignments = {}
    referrals: Referrals = {}
    for message in messages:
        if message.subject.startswith("assignment."):
            heard = events_pb2.AssignmentChanged.FromString(message.payload)
            known = assignments.get(UUID(heard.assignment.assignment_id))
            if known is None or known.assignment.version < heard.assignment.version:
                assignments[UUID(heard.assignment.assignment_id)] = heard
        else:
            event = events_pb2.ReferralChanged.FromString(message.payload)
            before = referrals.get(UUID(event.referral_id))
            if before is None or _nanoseconds(before) <= _nanoseconds(event):
                referrals[UUID(event.referral_id)] = event
    return assignments, referrals


def _nanoseconds(event: events_pb2.ReferralChanged) -> int:
    return int(event.occurred_at.ToNanoseconds())


def _assignment_rows(assignments: Assignments, cases: dict[UUID, Row]) -> list[Values]:
    rows: list[Values] = []
    for assignment_id in sorted(assignments):
        assignment = assignments[assignment_id].assignment
        case_id = UUID(assignments[assignment_id].scope.case_id)
        state = wire.state_from(assignment.state)
        rows.append(
            {
                "assignment_id": assignment_id,
                "case_id": case_id,
                "agency": assignment.agency,
                "unit_id": assignment.unit_id,
                "state": state,
                "version": assignment.version,
                "opens_identity": state in progress.HOLDING
                and not progress.shut_out(
                    cases[case_id]["excluded"],
                    agency=assignment.agency,
                    unit_id=assignment.unit_id,
                ),
            }
        )
    return rows


def _referral_rows(referrals: Referrals) -> list[Values]:
    return [
        {
            "referral_id": referral_id,
            "case_id": UUID(referrals[referral_id].scope.case_id),
            "state": referrals[referral_id].state,
            "state_at": referrals[referral_id].occurred_at.ToDatetime(tzinfo=UTC),
        }
        for referral_id in sorted(referrals)
    ]


def _leaves(changed: Sequence[Row]) -> list[Leaf]:
    return [
        Leaf(
            actor="service/routing",
            action="identity_access",
            subject_id=str(row["case_id"]),
            facts={
                "assignment_id": str(row["assignment_id"]),
                "agency": row["agency"],
                "unit_id": row["unit_id"],
                "granted": row["opens_identity"],
            },
        )
        for row in changed
    ]
