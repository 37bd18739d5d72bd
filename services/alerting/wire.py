"""Protobuf to domain and back: the only module of alerting that knows both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from mesh.database import Row
from mesh.errors import InvalidArgumentError
from mesh.messaging import Event, Message
from services.alerting.domain.alerts import Alert
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import Happening
from songtor.alerting.v1 import alerting_pb2
from songtor.alerting.v1 import events_pb2 as alerting_events
from songtor.intake.v1 import events_pb2 as intake_events
from songtor.routing.v1 import events_pb2 as routing_events
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2

_STATES = {
    int(number): name.removeprefix("ASSIGNMENT_STATE_").lower()
    for name, number in routing_pb2.AssignmentState.items()
}
_URGENCIES = {
    int(number): name.removeprefix("URGENCY_").lower() for name, number in type_pb2.Urgency.items()
} | {0: "normal"}
_URGENCY_NUMBERS = {code: number for number, code in _URGENCIES.items() if number}
_ALERT_STATES = {
    name.removeprefix("ALERT_STATE_").lower(): number
    for name, number in alerting_pb2.AlertState.items()
}
_ALERT_STATE_CODES = {int(number): code for code, number in _ALERT_STATES.items()} | {0: ""}


def happening_of(message: Message) -> Happening | None:
    """Return what a message tells, or None when it tells alerting nothing."""
    match message.subject.split(".")[:3]:
        case ["case", "v1", "reported"]:
            reported = intake_events.CaseReported.FromString(message.payload)
            case = case_from(reported.scope)
            return Happening(case, case.reported_at)
        case ["assignment", "v1", _]:
            changed = routing_events.AssignmentChanged.FromString(message.payload)
            at = instant(changed.occurred_at)
            return Happening(case_from(changed.scope), at, holder=_holder_from(changed, at))
        case ["milestone", "v1", "reached" | "closed" as kind]:
            recorded = routing_events.MilestoneRecorded.FromString(message.payload)
            at = instant(recorded.milestone.occurred_at)
            case = case_from(recorded.scope)
            ended = (
                replace(case, reached_at=at) if kind == "reached" else replace(case, closed_at=at)
            )
            return Happening(ended, at)
        case ["referral", "v1", "unroutable"]:
            referral = routing_events.ReferralChanged.FromString(message.payload)
            at = instant(referral.occurred_at)
            return Happening(case_from(referral.scope), at, signal="unroutable")
        case _:
            return None


def case_from(scope: type_pb2.CaseScope) -> Case:
    """Return the case that an event's scope speaks of."""
    return Case(
        case_id=UUID(scope.case_id),
        reference=scope.reference,
        province=scope.province_code,
        problem_types=tuple(scope.problem_types),
        ess_cause=scope.ess_cause,
        urgency=_URGENCIES[scope.urgency],
        silent=scope.silent,
        excluded=frozenset(scope.excluded),
        reported_at=instant(scope.reported_at),
    )


def _holder_from(changed: routing_events.AssignmentChanged, at: datetime) -> Holder:
    assignment = changed.assignment
    asked = assignment.HasField("requested_at")
    return Holder(
        assignment_id=UUID(assignment.assignment_id),
        case_id=UUID(changed.scope.case_id),
        unit_id=assignment.unit_id,
        agency=assignment.agency,
        ministry=changed.ministry,
        part=assignment.part,
        state=_STATES[assignment.state],
        version=assignment.version,
        requested_at=instant(assignment.requested_at) if asked else at,
    )


def instant(stamp: Timestamp) -> datetime:
    """Return an instant; one that was not set is refused, for a clock cannot start at nothing."""
    if not stamp.seconds and not stamp.nanos:
        raise InvalidArgumentError("an event without its instant", reason="NO_INSTANT")
    return stamp.ToDatetime(tzinfo=UTC)


def _stamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _scope(case: Case) -> type_pb2.CaseScope:
    return type_pb2.CaseScope(
        case_id=str(case.case_id),
        reference=case.reference,
        province_code=case.province,
        problem_types=case.problem_types,
        ess_cause=case.ess_cause,
        urgency=_URGENCY_NUMBERS[case.urgency],  # type: ignore[arg-type]  # an enum's number
        silent=case.silent,
        excluded=sorted(case.excluded),
        reported_at=_stamp(case.reported_at),
    )


def alert_to_proto(
    alert: Alert, case: Case, notifications: Iterable[Row] = ()
) -> alerting_pb2.Alert:
    """Return an alert with its case's codes and what was sent for it."""
    return alerting_pb2.Alert(
        alert_id=str(alert.alert_id),
        scope=_scope(case),
        kind=alert.kind,
        tier=alert.audience.tier,
        ministry=alert.audience.ministry,
        unit_id=alert.audience.unit_id,
        state=_ALERT_STATES[alert.state],
        breached_at=_stamp(alert.breached_at),
        opened_at=_stamp(alert.opened_at),
        acknowledged_by=alert.acknowledged_by,
        notifications=[
            alerting_pb2.Notification(
                recipient_id=row["recipient_id"],
                channel=row["channel"],
                status=row["status"],
                status_at=_stamp(row["status_at"]),
                waits_for=row["waits_for"],
                next_try_at=_stamp(row["next_try_at"]),
                bundled=row["bundled"],
            )
            for row in notifications
        ],
        snoozed_until=_stamp(alert.snoozed_until),
    )


def alert_state_from(number: int) -> str:
    """Return an alert state's code; empty for any."""
    return _ALERT_STATE_CODES[number]


def alert_event(alert: Alert, case: Case, *, now: datetime) -> Event:
    """Announce an alert that was opened or changed.

    The subject carries the scope tokens that permissions filter on; an unknown one is a dash.
    """
    tokens = (
        alert.audience.tier,
        alert.audience.ministry or "-",
        case.province or "-",
        alert.kind,
    )
    return Event(
        event_id=uuid4(),
        subject=f"alert.v1.{'.'.join(tokens)}",
        payload=alerting_events.AlertChanged(
            alert=alert_to_proto(alert, case), changed_at=_stamp(now)
        ).SerializeToString(),
        priority=0 if alert.emergency else 3,
    )


def case_id_from(text: str) -> UUID | None:
    """Return the case that a filter names; None for any."""
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidArgumentError("this is no case's id", reason="CASE_ID") from None


def page_token(alert: Alert) -> str:
    """Return the place after `alert` in a list, newest first."""
    return f"{alert.opened_at.isoformat()}/{alert.alert_id}"


def place_from(token: str) -> tuple[datetime, UUID] | None:
    """Return the place that a page token names; None for the first page."""
    if not token:
        return None
    at, _, alert_id = token.partition("/")
    try:
        return datetime.fromisoformat(at), UUID(alert_id)
    except ValueError:
        raise InvalidArgumentError(
            "this page token is not one of ours", reason="PAGE_TOKEN"
        ) from None
