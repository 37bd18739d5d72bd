"""Protobuf to domain and back: the only module of intake that knows both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from mesh.database import Row
from mesh.errors import InvalidArgumentError
from mesh.instant import to_proto
from services.intake.domain.areas import completed
from services.intake.domain.report import PersonFacts, Place, Report, Summary
from services.intake.domain.screening import without_identifiers
from services.intake.storage import Stored
from songtor.intake.v1 import events_pb2, intake_pb2
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2

_CHANNEL_NUMBERS = {
    name.removeprefix("CHANNEL_").lower(): number for name, number in type_pb2.Channel.items()
}
_KIND_NUMBERS = {
    name.removeprefix("REPORT_KIND_").lower(): number
    for name, number in type_pb2.ReportKind.items()
}
_URGENCY_NUMBERS = {
    name.removeprefix("URGENCY_").lower(): number for name, number in type_pb2.Urgency.items()
}
_CHANNELS = {int(number): code for code, number in _CHANNEL_NUMBERS.items()}
_KINDS = {int(number): code for code, number in _KIND_NUMBERS.items()} | {0: "incident"}
_URGENCIES = {int(number): code for code, number in _URGENCY_NUMBERS.items()} | {0: ""}
_STATES = {
    int(number): name.removeprefix("ASSIGNMENT_STATE_").lower()
    for name, number in routing_pb2.AssignmentState.items()
}


def report_from(message: intake_pb2.Report) -> Report:
    """Return the report without what only its identity block holds."""
    return Report(
        report_id=UUID(message.report_id),
        channel=_CHANNELS[message.channel],
        kind=_KINDS[message.kind],
        problem_types=tuple(message.problem_types),
        ess_cause=message.ess_cause,
        silent=message.silent,
        anonymous=message.anonymous,
        judged=_URGENCIES[message.urgency],
        place=_place_from(message.place),
        people=tuple(_facts_from(person) for person in message.people),
        told=bool(message.narrative or message.place_text),
        need_summary=without_identifiers(message.need_summary) if message.need_summary else "",
        excluded=tuple(message.excluded),
        occurred_at=_instant(message, "occurred_at"),
        reported_at=_instant(message, "reported_at"),
        language=message.language,
        receiving_unit_id=message.receiving_unit_id,
        safe_contact=_safe_contact_from(message),
    )


def _place_from(message: type_pb2.Place) -> Place:
    pinned = message.HasField("point")
    return completed(
        Place(
            message.province_code,
            message.district_code,
            message.subdistrict_code,
            message.point.latitude if pinned else None,
            message.point.longitude if pinned else None,
        )
    )


def _facts_from(person: intake_pb2.Person) -> PersonFacts:
    return PersonFacts(
        person.age if person.HasField("age") else None,
        person.sex,
        person.nationality,
        tuple(person.groups),
    )


def _safe_contact_from(message: intake_pb2.Report) -> Mapping[str, object] | None:
    if not message.HasField("safe_contact"):
        return None
    contact = message.safe_contact
    return {
        "contact_prohibited": contact.contact_prohibited,
        "channels": list(contact.channels),
        "hours": contact.hours,
        "language": contact.language,
    }


def _instant(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    try:
        at: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgumentError("an instant is out of range", reason="INVALID_FIELDS") from None
    return at


def identity_of(message: intake_pb2.Report, told: Report) -> bytes:
    """Return what the helpers may open after acceptance, as it is sealed."""
    narrative = message.narrative
    if told.need_summary != message.need_summary:
        # The summary was cleaned of numbers: its own words are kept here, where they may stand.
        narrative = f"{narrative}\n\n{message.need_summary}".strip()
    block = intake_pb2.OpenIdentityResponse(
        people=message.people,
        alleged=message.alleged,
        place_text=message.place_text,
        narrative=narrative,
    )
    return block.SerializeToString()


def reporter_of(message: intake_pb2.Report) -> bytes:
    """Return who reported, as it is sealed; empty when nothing of them was told."""
    return message.reporter.SerializeToString() if message.HasField("reporter") else b""


def identity_from(plain: Sequence[bytes]) -> intake_pb2.OpenIdentityResponse:
    """Return the opened blocks of a case's reports as one."""
    blocks = [intake_pb2.OpenIdentityResponse.FromString(item) for item in plain]
    return intake_pb2.OpenIdentityResponse(
        people=[person for block in blocks for person in block.people],
        alleged=[person for block in blocks for person in block.alleged],
        place_text="\n\n".join(block.place_text for block in blocks if block.place_text),
        narrative="\n\n".join(block.narrative for block in blocks if block.narrative),
    )


@lru_cache(maxsize=4)
def _accepted(at: datetime) -> Timestamp:
    """Return the instant of a batch, which all its reports share. It is copied where it is set."""
    return to_proto(at)


def receipt_to(stored: Stored, code: str, *, replayed: bool) -> intake_pb2.SubmissionResult:
    """Return a stored report's receipt."""
    return intake_pb2.SubmissionResult(
        receipt=intake_pb2.Receipt(
            report_id=str(stored.report_id),
            case_id=str(stored.case_id),
            reference=stored.reference,
            follow_up_code=code,
            accepted_at=_accepted(stored.accepted_at),
            urgency=_URGENCY_NUMBERS[stored.urgency],
        ),
        replayed=replayed,
    )


def case_reported(
    message: intake_pb2.Report,
    told: Report,
    stored: Stored,
    *,
    source: str,
    people: Sequence[Summary],
) -> bytes:
    """Return the event that announces a case: codes, no identity."""
    return events_pb2.CaseReported(
        scope=type_pb2.CaseScope(
            case_id=str(stored.case_id),
            reference=stored.reference,
            province_code=told.place.province,
            problem_types=told.problem_types,
            ess_cause=told.ess_cause,
            urgency=_URGENCY_NUMBERS[stored.urgency],
            silent=told.silent,
            excluded=told.excluded,
            reported_at=_accepted(stored.accepted_at),
        ),
        report_id=str(stored.report_id),
        place=_place_to(told.place),
        channel=message.channel,
        kind=_KIND_NUMBERS[told.kind],
        source=source,
        people=[_summary_to(person) for person in people],
        need_summary=told.need_summary,
        safe_contact=message.safe_contact if told.safe_contact is not None else None,
        language=told.language,
        receiving_unit_id=told.receiving_unit_id,
    ).SerializeToString()


def _place_to(place: Place) -> type_pb2.Place:
    point = None
    if place.latitude is not None and place.longitude is not None:
        point = type_pb2.GeoPoint(latitude=place.latitude, longitude=place.longitude)
    return type_pb2.Place(
        province_code=place.province,
        district_code=place.district,
        subdistrict_code=place.subdistrict,
        point=point,
    )


def _summary_to(person: Summary) -> type_pb2.PersonSummary:
    return type_pb2.PersonSummary(
        pseudonym=person.pseudonym,
        age_band=person.age_band,
        sex=person.sex,
        nationality=person.nationality,
        groups=person.groups,
    )


def case_to(row: Row) -> intake_pb2.Case:
    """Return a stored case as everybody in scope may see it."""
    details = row["details"]
    return intake_pb2.Case(
        scope=type_pb2.CaseScope(
            case_id=str(row["case_id"]),
            reference=row["reference"],
            province_code=row["province_code"],
            problem_types=details["problem_types"],
            ess_cause=row["ess_cause"],
            urgency=_URGENCY_NUMBERS[row["urgency"]],
            silent=details["silent"],
            excluded=details["excluded"],
            reported_at=to_proto(row["opened_at"]),
        ),
        place=_place_to(Place(row["province_code"], *details["place"])),
        channel=_CHANNEL_NUMBERS[details["channel"]],
        people=[_summary_to(Summary(*person)) for person in details["people"]],
        status=row["status"],
    )


def state_from(state: int) -> str:
    """Return an assignment state's name."""
    return _STATES[state]
