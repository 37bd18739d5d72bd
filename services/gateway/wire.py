"""REST bodies to protobuf and back: the only module of the gateway that knows both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.gateway import answers, models
from songtor.alerting.v1 import alerting_pb2
from songtor.alerting.v1 import events_pb2 as alerting_events
from songtor.intake.v1 import intake_pb2
from songtor.routing.v1 import events_pb2 as routing_events
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2

_CHANNELS = {
    name.removeprefix("CHANNEL_").lower(): number for name, number in type_pb2.Channel.items()
}
_KINDS = {
    name.removeprefix("REPORT_KIND_").lower(): number
    for name, number in type_pb2.ReportKind.items()
}
_URGENCIES = {
    name.removeprefix("URGENCY_").lower(): number for name, number in type_pb2.Urgency.items()
}
_ACTIONS = {
    name.removeprefix("ACTION_").lower(): number for name, number in routing_pb2.Action.items()
}
_ALERT_STATES = {
    name.removeprefix("ALERT_STATE_").lower(): number
    for name, number in alerting_pb2.AlertState.items()
}
_URGENCY_CODES = {int(number): code for code, number in _URGENCIES.items()}
_ALERT_STATE_CODES = {int(number): code for code, number in _ALERT_STATES.items()}
_ASSIGNMENT_STATES = {
    int(number): name.removeprefix("ASSIGNMENT_STATE_").lower()
    for name, number in routing_pb2.AssignmentState.items()
}
ALERT_STATES = tuple(code for code in _ALERT_STATES if code != "unspecified")


def report_to(body: models.Report, channel: str) -> intake_pb2.Report:
    """Return the report as intake reads it; its id is left empty when the sender gave none."""
    place = body.place
    return intake_pb2.Report(
        report_id=str(body.report_id) if body.report_id else "",
        channel=_CHANNELS[channel],
        kind=_KINDS[body.kind],
        problem_types=body.problem_types,
        ess_cause=body.ess_cause,
        silent=body.silent,
        anonymous=body.anonymous,
        urgency=_URGENCIES[body.urgency] if body.urgency else type_pb2.URGENCY_UNSPECIFIED,
        place=_place_to(place) if place else None,
        place_text=place.text if place else "",
        reporter=_person_to(body.reporter) if body.reporter else None,
        people=[_person_to(person) for person in body.people],
        alleged=[_person_to(person) for person in body.alleged],
        narrative=body.narrative,
        need_summary=body.need_summary,
        safe_contact=_safe_contact_to(body.safe_contact) if body.safe_contact else None,
        excluded=body.excluded,
        occurred_at=_stamp(body.occurred_at),
        reported_at=_stamp(body.reported_at),
        language=body.language,
        receiving_unit_id=body.receiving_unit_id,
    )


def _place_to(place: models.Place) -> type_pb2.Place:
    point = place.point
    return type_pb2.Place(
        province_code=place.province_code,
        district_code=place.district_code,
        subdistrict_code=place.subdistrict_code,
        point=type_pb2.GeoPoint(latitude=point.latitude, longitude=point.longitude)
        if point
        else None,
    )


def _person_to(person: models.Person) -> intake_pb2.Person:
    # The model's fields are the message's, by name and type. Each one that is set costs.
    told = {name: value for name, value in person.__dict__.items() if value or value == 0}
    return intake_pb2.Person(**told)


def _safe_contact_to(contact: models.SafeContact) -> type_pb2.SafeContact:
    return type_pb2.SafeContact(**contact.__dict__)


def _stamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _instant(message: Any, field: str) -> datetime | None:
    if not message.HasField(field):
        return None
    at: datetime = getattr(message, field).ToDatetime(tzinfo=UTC)
    return at


def receipt_from(receipt: intake_pb2.Receipt) -> dict[str, str]:
    """Return a receipt as JSON says it; see `answers.Receipt`."""
    return {
        "report_id": receipt.report_id,
        "case_id": receipt.case_id,
        "reference": receipt.reference,
        "follow_up_code": receipt.follow_up_code,
        "accepted_at": receipt.accepted_at.ToJsonString(),
        "urgency": _URGENCY_CODES[receipt.urgency],
    }


def tracked_from(message: intake_pb2.TrackCaseResponse) -> answers.Tracked:
    """Return what a reporter is told."""
    return answers.Tracked(
        status=message.status, status_at=message.status_at.ToDatetime(tzinfo=UTC)
    )


def identity_from(message: intake_pb2.OpenIdentityResponse) -> answers.Identity:
    """Return an opened identity block."""
    return answers.Identity(
        people=[_person_from(person) for person in message.people],
        alleged=[_person_from(person) for person in message.alleged],
        place_text=message.place_text,
        narrative=message.narrative,
    )


def _person_from(person: intake_pb2.Person) -> answers.IdentityPerson:
    return answers.IdentityPerson(
        name=person.name,
        id_number=person.id_number,
        phone=person.phone,
        address=person.address,
        age=person.age if person.HasField("age") else None,
        sex=person.sex,
        nationality=person.nationality,
        groups=list(person.groups),
    )


def action_to(
    body: models.StatusChange, *, assignment_id: str, agency: str, key: str
) -> routing_pb2.AssignmentAction:
    """Return what an agency does with an assignment, as routing reads it."""
    return routing_pb2.AssignmentAction(
        assignment_id=assignment_id,
        expected_version=body.expected_version,
        action=_ACTIONS[body.action],
        role=routing_pb2.ACTOR_ROLE_TARGET,
        agency=agency,
        actor=body.actor,
        reason_code=body.reason_code,
        outcomes=body.outcomes,
        occurred_at=_stamp(body.occurred_at),
        idempotency_key=key,
        reached_by=body.reached_by,
    )


def assignment_from(message: routing_pb2.Assignment) -> answers.Assignment:
    """Return an assignment."""
    return answers.Assignment(
        assignment_id=message.assignment_id,
        referral_id=message.referral_id,
        case_id=message.case_id,
        unit_id=message.unit_id,
        agency=message.agency,
        version=message.version,
        state=_ASSIGNMENT_STATES[message.state],
        replaces=message.replaces,
        rule=message.rule,
        part=message.part,
        reason_code=message.reason_code,
        requested_at=_instant(message, "requested_at"),
        state_at=_instant(message, "state_at"),
    )


def referrals_from(case_id: str, message: routing_pb2.GetReferralsResponse) -> answers.Referrals:
    """Return a case's referrals."""
    return answers.Referrals(
        case_id=case_id,
        referrals=[
            answers.Referral(
                referral_id=referral.referral_id,
                problem_type=referral.problem_type,
                state=referral.state,
                part=referral.part,
                assignments=[assignment_from(item) for item in referral.assignments],
                milestones=[
                    answers.Milestone(
                        kind=item.kind,
                        occurred_at=_instant(item, "occurred_at"),
                        assignment_id=item.assignment_id,
                    )
                    for item in referral.milestones
                ],
            )
            for referral in message.referrals
        ],
    )


def alerts_request(
    *,
    tier: str,
    province_code: str,
    ministry: str,
    case_id: str,
    state: str,
    page_size: int,
    page_token: str,
) -> alerting_pb2.ListAlertsRequest:
    """Return a question for alerts; `state` is one of `ALERT_STATES` or empty."""
    return alerting_pb2.ListAlertsRequest(
        tier=tier,
        province_code=province_code,
        ministry=ministry,
        case_id=case_id,
        state=_ALERT_STATES[state or "unspecified"],
        page_size=page_size,
        page_token=page_token,
    )


def alert_from(message: alerting_pb2.Alert) -> answers.Alert:
    """Return an alert, in codes."""
    return answers.Alert(
        alert_id=message.alert_id,
        case_id=message.scope.case_id,
        reference=message.scope.reference,
        province_code=message.scope.province_code,
        urgency=_URGENCY_CODES[message.scope.urgency],
        kind=message.kind,
        tier=message.tier,
        ministry=message.ministry,
        unit_id=message.unit_id,
        state=_ALERT_STATE_CODES[message.state],
        breached_at=_instant(message, "breached_at"),
        opened_at=_instant(message, "opened_at"),
        acknowledged_by=message.acknowledged_by,
        notifications=[
            answers.Notification(
                recipient_id=item.recipient_id,
                channel=item.channel,
                status=item.status,
                status_at=_instant(item, "status_at"),
            )
            for item in message.notifications
        ],
    )


def news_from(subject: str, payload: bytes) -> tuple[str, dict[str, Any]]:
    """Return a piece of news as (kind, codes) for the operators' console."""
    if subject.startswith("alert."):
        alert = alerting_events.AlertChanged.FromString(payload).alert
        return "alert", alert_from(alert).model_dump(mode="json", exclude={"notifications"})
    changed = routing_events.AssignmentChanged.FromString(payload)
    told = assignment_from(changed.assignment).model_dump(mode="json")
    return "assignment", told | {
        "reference": changed.scope.reference,
        "province_code": changed.scope.province_code,
        "urgency": _URGENCY_CODES[changed.scope.urgency],
        "problem_type": changed.problem_type,
        "previous": _ASSIGNMENT_STATES[changed.previous],
    }
