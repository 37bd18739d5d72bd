"""What routing announces, as events for the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zlib import crc32

from directory.model import Unit
from mesh.instant import to_proto
from mesh.messaging import Event
from services.routing.domain import identifiers
from services.routing.domain.model import Assignment
from services.routing.wire import STATE_NUMBERS, RoutedCase, assignment_to_proto
from songtor.routing.v1 import events_pb2, routing_pb2

PARTITIONS = 16
_DELIVERY_KIND = {
    "offer": events_pb2.DELIVERY_KIND_OFFER,
    "cancel": events_pb2.DELIVERY_KIND_CANCEL,
    "status": events_pb2.DELIVERY_KIND_STATUS,
}


@dataclass(frozen=True, slots=True)
class Told:
    """An assignment with the message that says it, made once and put into many others."""

    assignment: Assignment
    message: routing_pb2.Assignment

    @staticmethod
    def of(assignment: Assignment) -> Told:
        """Put the assignment into words."""
        return Told(assignment, assignment_to_proto(assignment))


def assignment_event(
    case: RoutedCase, told: Told, before: Assignment | None, occurred_at: datetime
) -> Event:
    """Announce an assignment that was made (`before` None) or moved."""
    after = told.assignment
    changed = events_pb2.AssignmentChanged(
        assignment=told.message,
        previous=STATE_NUMBERS[before.state] if before else 0,  # type: ignore[arg-type]  # unspecified
        scope=case.message.scope,
        problem_type=after.problem_type,
        ministry=after.ministry,
        unit_province_code=after.unit_province,
        occurred_at=to_proto(occurred_at),
    )
    return Event(
        event_id=identifiers.event_id(
            after.state_at, after.assignment_id, "assignment", after.version
        ),
        subject=f"assignment.v1.{after.state}",
        payload=changed.SerializeToString(),
        priority=case.priority,
    )


def milestone_event(
    case: RoutedCase, assignment: Assignment, kind: str, at: datetime, now: datetime
) -> Event:
    """Announce a milestone that was reached at `at`."""
    recorded = events_pb2.MilestoneRecorded(
        milestone=routing_pb2.Milestone(
            kind=kind, occurred_at=to_proto(at), assignment_id=str(assignment.assignment_id)
        ),
        referral_id=str(assignment.referral_id),
        scope=case.message.scope,
    )
    return Event(
        event_id=identifiers.event_id(now, assignment.assignment_id, "milestone", kind),
        subject=f"milestone.v1.{kind}",
        payload=recorded.SerializeToString(),
        priority=case.priority,
    )


def referral_event(
    case: RoutedCase,
    referral_id: UUID,
    problem_type: str,
    state: str,
    at: datetime,
    *,
    because_of: object = "",
) -> Event:
    """Announce what became of a referral; `because_of` tells two announcements of a state apart."""
    changed = events_pb2.ReferralChanged(
        referral_id=str(referral_id),
        state=state,
        problem_type=problem_type,
        scope=case.message.scope,
        occurred_at=to_proto(at),
    )
    return Event(
        event_id=identifiers.event_id(at, referral_id, "referral", state, because_of),
        subject=f"referral.v1.{state}",
        payload=changed.SerializeToString(),
        priority=case.priority,
    )


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something for an adapter to carry, before it has its number within (case, agency)."""

    case: RoutedCase
    told: Told
    adapter: str
    kind: str
    """`offer`, `cancel` or `status`."""
    status: str = ""

    @property
    def assignment(self) -> Assignment:
        """The assignment as it stood."""
        return self.told.assignment

    @property
    def delivery_id(self) -> UUID:
        return identifiers.delivery_id(
            self.assignment.assignment_id,
            self.adapter,
            self.kind,
            self.status,
            self.assignment.version,
        )


def partition_of(case_id: UUID) -> int:
    """Return which of the parallel lanes a case's deliveries take, always the same one."""
    return crc32(case_id.bytes) % PARTITIONS


def delivery_event(
    parcel: Parcel, delivery_id: UUID, case_seq: int, unit: Unit | None, now: datetime
) -> Event:
    case, assignment, reported = parcel.case, parcel.assignment, parcel.case.message
    requested = events_pb2.DeliveryRequested(
        delivery_id=str(delivery_id),
        kind=_DELIVERY_KIND[parcel.kind],
        agency=parcel.adapter,
        case_seq=case_seq,
        assignment=parcel.told.message,
        scope=reported.scope,
        problem_type=assignment.problem_type,
        unit_name=unit.name_th if unit else "",
        unit_external_ids=dict(unit.external_ids) if unit else {},
        requested_at=to_proto(now),
    )
    if parcel.kind == "status":
        requested.status = parcel.status
        requested.report_id = reported.report_id
    else:
        requested.place.CopyFrom(reported.place)
        requested.people.extend(reported.people)
        requested.need_summary = reported.need_summary
        requested.safe_contact.CopyFrom(reported.safe_contact)
    return Event(
        event_id=delivery_id,
        subject=f"delivery.v1.{parcel.adapter}.{partition_of(assignment.case_id)}",
        payload=requested.SerializeToString(),
        priority=case.priority,
    )
