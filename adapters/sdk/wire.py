"""Protobuf <-> the adapter's words; the only module of the SDK that knows both."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import protovalidate
from google.protobuf.message import DecodeError

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
# An emergency goes before everything, a crisis before what can wait.
_PRIORITIES = {type_pb2.URGENCY_CRISIS: 1, type_pb2.URGENCY_URGENT: 5}


def ledger_row(payload: bytes, *, now: datetime) -> dict[str, object]:
    """Return a delivery that routing asks for as it stands in the ledger.

    Raises ValueError when it could not even be told apart from others.
    """
    try:
        message = events_pb2.DeliveryRequested.FromString(payload)
    except DecodeError:
        raise ValueError("not a delivery") from None
    if message.case_seq < 1:
        raise ValueError("a delivery without its number would wait for ever")
    kind = _KINDS.get(message.kind)
    urgent = 0 if message.scope.ess_cause else _PRIORITIES.get(message.scope.urgency, 7)
    return {
        "delivery_id": UUID(message.delivery_id),
        "case_id": UUID(message.scope.case_id),
        "case_seq": message.case_seq,
        "assignment_id": UUID(message.assignment.assignment_id),
        "kind": kind.value if kind else "unknown",
        "priority": urgent,
        "payload": payload,
        "state": "pending",
        "next_at": now,
        "received_at": now,
    }


def delivery_from_bytes(payload: bytes) -> Delivery:
    """Read a delivery as routing asked for it; KeyError for a kind we do not know yet."""
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


# As the contract of AgencyUpdate says.
_LONGEST_ID = 200
_LONGEST_CODE = 48
_MOST_LOSSES = 64


def storable(text: str) -> str:
    """Return an agency's text as every store takes it: no NUL, no half of a character."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def storable_id(text: str) -> str:
    """Return an agency's id as it is stored and looked up; one of absurd length by its digest."""
    clean = storable(text)
    if len(clean) <= _LONGEST_ID:
        return clean
    return f"{clean[:100]}#{hashlib.sha256(clean.encode()).hexdigest()}"


def is_valid(payload: bytes) -> bool:
    """Say whether routing will take this news: the same rules, checked before they leave."""
    message = events_pb2.AgencyUpdate.FromString(payload)
    return not protovalidate.collect_violations(message)


def update_id(agency: str, source_id: str) -> UUID:
    """Return the id of a piece of news: the same news always has the same."""
    return uuid5(NAMESPACE_URL, f"songtor:update:{agency}:{source_id}")


def acted(agency: str, update: Update, assignment_id: str) -> tuple[UUID, bytes]:
    """Return the id and the bytes of what the agency did; its words are taken as hostile."""
    message = events_pb2.AgencyUpdate(
        update_id=str(update_id(agency, storable_id(update.source_id))),
        kind=events_pb2.UPDATE_KIND_ACTED,
        assignment_id=assignment_id,
        action=routing_pb2.Action.Value(f"ACTION_{update.action.name}"),
        reason_code=storable(update.reason_code),
        outcomes=[storable(outcome) for outcome in update.outcomes],
        # An instant without a zone could be any of several: left out, so that it is not valid.
        occurred_at=to_proto(update.occurred_at) if update.occurred_at.tzinfo else None,
        agency_record_id=storable_id(update.agency_record_id),
        reached_by=storable(update.reached_by),
        # The one free text: a name that is too long is no reason to lose what was done.
        actor=storable(update.actor)[:100],
        losses=[storable(loss) for loss in update.losses],
    )
    return UUID(message.update_id), message.SerializeToString()


def about(payload: bytes, assignment_id: str) -> bytes:
    """Return news that was kept without its assignment, with it."""
    message = events_pb2.AgencyUpdate.FromString(payload)
    message.assignment_id = assignment_id
    return message.SerializeToString()


def delivered(
    agency: str, delivery_id: UUID, assignment_id: UUID, receipt: Receipt, *, now: datetime
) -> tuple[UUID, bytes]:
    """Return the id and the bytes of the machine receipt."""
    return _settled(
        agency,
        delivery_id,
        assignment_id,
        events_pb2.UPDATE_KIND_DELIVERED,
        at=receipt.received_at or now,
        record=storable_id(receipt.agency_record_id),
        losses=[storable(loss) for loss in receipt.losses[:_MOST_LOSSES]],
    )


def parked(
    agency: str, delivery_id: UUID, assignment_id: UUID, reason: str, *, now: datetime
) -> tuple[UUID, bytes]:
    """Return the id and the bytes of news that a delivery waits for a person."""
    kind = events_pb2.UPDATE_KIND_PARKED
    code = storable(reason)[:_LONGEST_CODE]
    return _settled(agency, delivery_id, assignment_id, kind, at=now, reason=code)


def _settled(
    agency: str,
    delivery_id: UUID,
    assignment_id: UUID,
    kind: events_pb2.UpdateKind.ValueType,
    *,
    at: datetime,
    record: str = "",
    reason: str = "",
    losses: Sequence[str] = (),
) -> tuple[UUID, bytes]:
    name = events_pb2.UpdateKind.Name(kind).lower()
    message = events_pb2.AgencyUpdate(
        update_id=str(update_id(agency, f"{delivery_id}:{name}")),
        kind=kind,
        delivery_id=str(delivery_id),
        assignment_id=str(assignment_id),
        occurred_at=to_proto(at),
        agency_record_id=record,
        reason_code=reason,
        losses=losses,
    )
    return UUID(message.update_id), message.SerializeToString()
