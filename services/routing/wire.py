"""Protobuf to domain and back: the only module that knows both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from directory.model import Place
from mesh.errors import InvalidArgumentError
from mesh.instant import from_proto, to_proto
from mesh.rpc import validate
from services.routing.domain.model import (
    HUB,
    Act,
    Action,
    Actor,
    Assignment,
    CaseFacts,
    DecisionRecord,
    Referral,
    State,
)
from songtor.intake.v1 import events_pb2 as intake_events
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2

_PRIORITY = {type_pb2.URGENCY_CRISIS: 1, type_pb2.URGENCY_URGENT: 3}
_SPOKEN_BY_ALL = ("", "tha", "und")

_URGENCY = {
    type_pb2.URGENCY_CRISIS: "crisis",
    type_pb2.URGENCY_URGENT: "urgent",
    type_pb2.URGENCY_NORMAL: "normal",
}
_CHANNEL = {
    number: name.removeprefix("CHANNEL_").lower() for name, number in type_pb2.Channel.items()
}
_KIND = {
    number: name.removeprefix("REPORT_KIND_").lower()
    for name, number in type_pb2.ReportKind.items()
} | {type_pb2.REPORT_KIND_UNSPECIFIED: "incident"}
STATE_NUMBERS: Mapping[State, routing_pb2.AssignmentState.ValueType] = {
    state: routing_pb2.AssignmentState.Value(f"ASSIGNMENT_STATE_{state.name}") for state in State
}
_ACTION: Mapping[int, Action] = {
    routing_pb2.Action.Value(f"ACTION_{action.name}"): action for action in Action
}
_ROLE: Mapping[int, Actor] = {
    routing_pb2.ActorRole.Value(f"ACTOR_ROLE_{role.name}"): role for role in Actor
}


@dataclass(slots=True)
class RoutedCase:
    """A case as the message that reported it, whose scope every event of it repeats."""

    message: intake_events.CaseReported
    payload: bytes
    sender: str = HUB
    """Who refers: the agency that reported or took the report, else the hub."""
    hears: str = ""
    """The adapter that carries news of the case back to the agency that reported it."""
    known: CaseFacts | None = None
    """What `facts` has taken out of the message so far."""

    @property
    def facts(self) -> CaseFacts:
        """What is decided from; taken out of the message only where a decision is made."""
        if self.known is None:
            self.known = _facts_of(self.message)
        return self.known

    @property
    def priority(self) -> int:
        """Place in the outbox: an emergency never waits behind a backlog."""
        if self.message.scope.ess_cause:
            return 0
        return _PRIORITY.get(self.message.scope.urgency, 5)


def new_case(payload: bytes) -> RoutedCase:
    """Return a case as it was reported. Raises `DecodeError` and `ValueError`."""
    message = intake_events.CaseReported.FromString(payload)
    facts = _facts_of(message)
    return RoutedCase(message, payload, sender=facts.reporting_agency or HUB, known=facts)


def known_case(payload: bytes, *, sender: str, hears: str) -> RoutedCase:
    """Return a case as it was stored."""
    return RoutedCase(intake_events.CaseReported.FromString(payload), payload, sender, hears)


def _facts_of(message: intake_events.CaseReported) -> CaseFacts:
    scope, place = message.scope, message.place
    language = message.safe_contact.language or message.language
    kind, _, name = message.source.partition(":")
    return CaseFacts(
        case_id=UUID(scope.case_id),
        reference=scope.reference,
        place=Place(
            place.province_code or scope.province_code,
            place.district_code,
            place.subdistrict_code,
            (place.point.latitude, place.point.longitude) if place.HasField("point") else None,
        ),
        problem_types=tuple(scope.problem_types),
        ess_cause=scope.ess_cause or None,
        urgency=_URGENCY.get(scope.urgency, "normal"),
        channel=_CHANNEL.get(message.channel, ""),
        kind=_KIND.get(message.kind, "incident"),
        languages=() if language in _SPOKEN_BY_ALL else (language,),
        excluded=frozenset(scope.excluded),
        reported_at=from_proto(scope.reported_at),
        report_id=message.report_id,
        reporting_agency=name if kind == "agency" else "",
        receiving_unit_id=message.receiving_unit_id,
    )


def assignment_to_proto(assignment: Assignment) -> routing_pb2.Assignment:
    return routing_pb2.Assignment(
        assignment_id=str(assignment.assignment_id),
        referral_id=str(assignment.referral_id),
        case_id=str(assignment.case_id),
        unit_id=assignment.unit_id,
        agency=assignment.agency,
        version=assignment.version,
        state=STATE_NUMBERS[assignment.state],
        replaces=str(assignment.replaces) if assignment.replaces else "",
        rule=assignment.rule,
        part=assignment.part,
        reason_code=assignment.reason_code,
        requested_at=to_proto(assignment.requested_at),
        state_at=to_proto(assignment.state_at),
    )


def act_of(action: routing_pb2.AssignmentAction) -> Act:
    return Act(
        assignment_id=UUID(action.assignment_id),
        action=_ACTION[action.action],
        role=_ROLE[action.role],
        agency=action.agency,
        actor=action.actor,
        expected_version=action.expected_version,
        reason_code=action.reason_code,
        outcomes=tuple(action.outcomes),
        occurred_at=from_proto(action.occurred_at) if action.HasField("occurred_at") else None,
        reached_by=action.reached_by,
    )


class NewsKind(Enum):
    """What an agency's system did."""

    DELIVERED = events_pb2.UPDATE_KIND_DELIVERED
    ACTED = events_pb2.UPDATE_KIND_ACTED
    PARKED = events_pb2.UPDATE_KIND_PARKED


@dataclass(frozen=True, slots=True)
class News:
    """An update with the agency that the broker proved, whatever the update itself says."""

    update_id: UUID
    agency: str
    payload: bytes
    kind: NewsKind
    assignment_id: UUID
    delivery_id: UUID | None
    occurred_at: datetime
    message: events_pb2.AgencyUpdate
    was_held: bool = False
    """It came before, too early, and has waited since."""

    @property
    def by(self) -> str:
        """Who it is from, as an audit leaf names them."""
        return f"adapter:{self.agency}"


def news_of(update_id: UUID, agency: str, payload: bytes, *, was_held: bool = False) -> News:
    """Return the news in an `AgencyUpdate`; nothing of it is believed yet.

    Raises `DecodeError`, and `InvalidArgumentError` for what breaks the rules of the contract.
    """
    message = events_pb2.AgencyUpdate.FromString(payload)
    validate(message)
    try:
        return News(
            update_id=update_id,
            agency=agency,
            payload=payload,
            kind=NewsKind(message.kind),
            assignment_id=UUID(message.assignment_id),
            delivery_id=UUID(message.delivery_id) if message.delivery_id else None,
            occurred_at=from_proto(message.occurred_at),
            message=message,
            was_held=was_held,
        )
    except (ValueError, OverflowError):
        raise InvalidArgumentError("an id or an instant is none", reason="INVALID_FIELDS") from None


def act_in(news: News, assignment: Assignment) -> Act:
    """Return what the agency's system did. Whoever speaks for its adapter acts for the unit."""
    message = news.message
    if news.kind is NewsKind.DELIVERED:
        action = Action.RECEIVE
    elif message.action in _ACTION:
        action = _ACTION[message.action]
    else:
        raise InvalidArgumentError("the update names no action", reason="NO_ACTION")
    return Act(
        assignment_id=assignment.assignment_id,
        action=action,
        role=Actor.TARGET,
        agency=assignment.agency,
        actor=message.actor or news.by,
        reason_code=message.reason_code,
        outcomes=tuple(message.outcomes),
        occurred_at=news.occurred_at,
        reached_by=message.reached_by,
    )


def referral_to_proto(referral: Referral) -> routing_pb2.Referral:
    return routing_pb2.Referral(
        referral_id=str(referral.referral_id),
        problem_type=referral.problem_type,
        state=referral.state,
        part=referral.part,
        assignments=[assignment_to_proto(assignment) for assignment in referral.assignments],
        milestones=[
            routing_pb2.Milestone(
                kind=fact.kind,
                occurred_at=to_proto(fact.occurred_at),
                assignment_id=str(fact.assignment_id or ""),
            )
            for fact in referral.milestones
        ],
    )


def decision_to_proto(record: DecisionRecord) -> routing_pb2.ExplainResponse:
    return routing_pb2.ExplainResponse(
        rule=record.rule,
        candidates=[
            routing_pb2.DecisionCandidate(unit_id=unit_id, reason=reason)
            for unit_id, reason in record.candidates
        ],
        fallback_chain=record.fallback_chain,
        versions=type_pb2.DataVersions(
            registry_version=record.registry_version,
            registry_digest=record.registry_digest,
            policy_digest=record.policy_digest,
            policy_versions=record.policy_versions,
        ),
        decided_at=to_proto(record.decided_at),
    )


def work_item(assignment: Assignment, report: bytes) -> routing_pb2.WorkItem:
    return routing_pb2.WorkItem(
        assignment=assignment_to_proto(assignment),
        scope=intake_events.CaseReported.FromString(report).scope,
    )
