"""An invented delivery, in the SDK's words and as routing asks for it. For tests alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from adapters.sdk.model import Delivery, DeliveryKind, Person, SafeContact
from mesh.instant import to_proto
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2

THAI = "หญิงตั้งครรภ์ ๕ เดือน ขอที่พักปลอดภัยคืนนี้ “ด่วน” & <รอ>"
"""Marks above and below, Thai digits, quotes, and what breaks a careless XML or URL."""

IDENTITY = ("คานารีชื่อจริง สมมุติ", "9-0000-00000-00-1", "000-001-0001", "ซอยคานารี 77")
"""What no delivery may carry: a name, a national id, a telephone number, an address. Invented."""

_NAMES = UUID("6f1d2c1e-6c1a-4f0e-9a6e-0c5b0a0d0001")


def sample_delivery(**changes: Any) -> Delivery:
    """Return an offer about an invented person; a new one each time, unless told its id."""
    delivery_id = changes.pop("delivery_id", str(uuid4()))
    name = UUID(delivery_id)
    offer = Delivery(
        delivery_id=delivery_id,
        kind=DeliveryKind.OFFER,
        case_id=str(uuid5(name, "case")),
        case_seq=1,
        assignment_id=str(uuid5(name, "assignment")),
        referral_id=str(uuid5(name, "referral")),
        reference=f"ST-{name.hex[:8].upper()}",
        report_id=str(uuid5(name, "report")),
        problem_type="violence",
        ess_cause="",
        urgency="urgent",
        silent=False,
        unit_id=str(uuid5(_NAMES, "unit")),
        unit_name="หน่วยทดสอบ เชียงใหม่",
        unit_external_ids={},
        province_code="50",
        district_code="5001",
        subdistrict_code="500101",
        latitude=18.788,
        longitude=98.985,
        people=(Person("P1", "15-17", "female", "THA", ("child",)),),
        need_summary=THAI,
        safe_contact=SafeContact(
            contact_prohibited=False, channels=("phone",), hours="09:00-16:00", language="tha"
        ),
        part="",
        status="",
        requested_at=datetime(2026, 4, 13, 12, 0, 1, tzinfo=UTC),
        reported_at=datetime(2026, 4, 13, 11, 58, tzinfo=UTC),
    )
    return replace(offer, **changes)


def request_bytes(delivery: Delivery, *, smuggled: str = "") -> bytes:
    """Return the delivery as routing asks for it.

    `smuggled` rides along in fields that the contract does not have.
    """
    place = type_pb2.Place(
        province_code=delivery.province_code,
        district_code=delivery.district_code,
        subdistrict_code=delivery.subdistrict_code,
    )
    if delivery.latitude is not None and delivery.longitude is not None:
        place.point.latitude, place.point.longitude = delivery.latitude, delivery.longitude
    people = [
        type_pb2.PersonSummary(
            pseudonym=person.pseudonym,
            age_band=person.age_band,
            sex=person.sex,
            nationality=person.nationality,
            groups=person.groups,
        )
        for person in delivery.people
    ]
    message = events_pb2.DeliveryRequested(
        delivery_id=delivery.delivery_id,
        kind=events_pb2.DeliveryKind.Value(f"DELIVERY_KIND_{delivery.kind.name}"),
        case_seq=delivery.case_seq,
        assignment=routing_pb2.Assignment(
            assignment_id=delivery.assignment_id,
            referral_id=delivery.referral_id,
            unit_id=delivery.unit_id,
            part=delivery.part,
        ),
        scope=type_pb2.CaseScope(
            case_id=delivery.case_id,
            reference=delivery.reference,
            province_code=delivery.province_code,
            problem_types=[delivery.problem_type],
            ess_cause=delivery.ess_cause,
            urgency=type_pb2.Urgency.Value(f"URGENCY_{delivery.urgency.upper()}"),
            silent=delivery.silent,
            reported_at=to_proto(delivery.reported_at),
        ),
        problem_type=delivery.problem_type,
        place=place,
        people=people,
        need_summary=delivery.need_summary,
        safe_contact=type_pb2.SafeContact(
            contact_prohibited=delivery.safe_contact.contact_prohibited,
            channels=delivery.safe_contact.channels,
            hours=delivery.safe_contact.hours,
            language=delivery.safe_contact.language,
        ),
        unit_name=delivery.unit_name,
        unit_external_ids=delivery.unit_external_ids,
        requested_at=to_proto(delivery.requested_at),
        status=delivery.status,
        report_id=delivery.report_id,
    )
    if smuggled:
        extra = smuggled.encode()
        # Field 1000, length-delimited: a message of tomorrow's, or of an attacker's.
        unknown = b"\xc2\x3e" + bytes([len(extra)]) + extra
        return message.SerializeToString() + unknown
    return message.SerializeToString()
