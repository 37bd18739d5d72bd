"""Protobuf <-> the adapter's words; the only module of the SDK that knows both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from adapters.sdk.model import Delivery, DeliveryKind, Person, Receipt, SafeContact, Update
from mesh.instant import from_proto, to_proto
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2

_URGENCIES = {
    type_pb2.URGENCY_CRISIS: "crisis",
    type_pb2.URGENCY_URGENT: "urgent",
    type_pb2.URGENCY_NORMAL: "normal",
}
_KINDS = {
    events_pb2.DELIVERY_KIND_OFFER: DeliveryKind.OFFER,
    events_pb2.DELIVERY_KIND_CANCEL: DeliveryKind.CANCEL,
    events_pb2.DELIVERY_KIND_STATUS: DeliveryKind.STATUS,
}


def delivery_from_bytes(payload: bytes) -> Delivery:
    """Read a delivery as routing asked for it."""
    message = events_pb2.DeliveryRequested.FromString(payload)
    scope, place, assignment = message.scope, message.place, message.assignment
    pinned = place.HasField("point")
    return Delivery(
        delivery_id=message.delivery_id,
        kind=_KINDS[message.kind],
        case_id=scope.case_id,
        case_seq=message.case_seq,
        assignment_id=assignment.assignment_id,
        referral_id=assignment.referral_id,
        reference=scope.reference,
        report_id=message.report_id,
        problem_type=message.problem_type,
        ess_cause=scope.ess_cause,
        urgency=_URGENCIES.get(scope.urgency, "normal"),
        silent=scope.silent,
        unit_id=assignment.unit_id,
        unit_name=message.unit_name,
        unit_external_ids=dict(message.unit_external_ids),
        province_code=place.province_code,
        district_code=place.district_code,
        subdistrict_code=place.subdistrict_code,
        latitude=place.point.latitude if pinned else None,
        longitude=place.point.longitude if pinned else None,
        people=tuple(_person(person) for person in message.people),
        need_summary=message.need_summary,
        safe_contact=SafeContact(
            contact_prohibited=message.safe_contact.contact_prohibited,
            channels=tuple(message.safe_contact.channels),
            hours=message.safe_contact.hours,
            language=message.safe_contact.language,
        ),
        part=assignment.part,
        status=message.status,
        requested_at=from_proto(message.requested_at),
        reported_at=from_proto(scope.reported_at),
    )


def _person(message: type_pb2.PersonSummary) -> Person:
    return Person(
        pseudonym=message.pseudonym,
        age_band=message.age_band,
        sex=message.sex,
        nationality=message.nationality,
        groups=tuple(message.groups),
    )


def update_id(agency: str, source_id: str) -> UUID:
    """Return the id of a piece of news: the same news always has the same."""
    return uuid5(NAMESPACE_URL, f"songtor:update:{agency}:{source_id}")


def acted(agency: str, update: Update, assignment_id: str) -> tuple[UUID, bytes]:
    """Return the id and the bytes of what the agency did."""
    message = events_pb2.AgencyUpdate(
        update_id=str(update_id(agency, update.source_id)),
        kind=events_pb2.UPDATE_KIND_ACTED,
        assignment_id=assignment_id,
        action=routing_pb2.Action.Value(f"ACTION_{update.action.name}"),
        reason_code=update.reason_code,
        outcomes=update.outcomes,
        occurred_at=to_proto(update.occurred_at),
        agency_record_id=update.agency_record_id,
        reached_by=update.reached_by,
        actor=update.actor,
        losses=update.losses,
    )
    return UUID(message.update_id), message.SerializeToString()


def delivered(
    agency: str, delivery: Delivery, receipt: Receipt, *, now: datetime
) -> tuple[UUID, bytes]:
    """Return the id and the bytes of the machine receipt."""
    return _settled(
        agency,
        delivery,
        events_pb2.UPDATE_KIND_DELIVERED,
        at=receipt.received_at or now,
        record=receipt.agency_record_id,
        losses=receipt.losses,
    )


def parked(agency: str, delivery: Delivery, reason: str, *, now: datetime) -> tuple[UUID, bytes]:
    """Return the id and the bytes of news that a delivery waits for a person."""
    return _settled(agency, delivery, events_pb2.UPDATE_KIND_PARKED, at=now, reason=reason)


def _settled(
    agency: str,
    delivery: Delivery,
    kind: events_pb2.UpdateKind.ValueType,
    *,
    at: datetime,
    record: str = "",
    reason: str = "",
    losses: Sequence[str] = (),
) -> tuple[UUID, bytes]:
    name = events_pb2.UpdateKind.Name(kind).lower()
    message = events_pb2.AgencyUpdate(
        update_id=str(update_id(agency, f"{delivery.delivery_id}:{name}")),
        kind=kind,
        delivery_id=delivery.delivery_id,
        assignment_id=delivery.assignment_id,
        occurred_at=to_proto(at),
        agency_record_id=record,
        reason_code=reason,
        losses=losses,
    )
    return UUID(message.update_id), message.SerializeToString()
