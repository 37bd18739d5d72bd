"""The values that routing decides from and about. Codes and ids; no person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from directory.model import Place

HUB = "hub"
"""Who refers when no agency sent the report: the doors of the public are the hub's own."""


class State(StrEnum):
    """The 13 states of an assignment (lifecycle.md)."""

    DRAFT = "draft"
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    CANCEL_REQUESTED = "cancel_requested"
    DECLINED = "declined"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TRANSFERRED = "transferred"
    ENTERED_IN_ERROR = "entered_in_error"


FINAL = frozenset(
    (
        State.DECLINED,
        State.COMPLETED,
        State.FAILED,
        State.CANCELLED,
        State.TRANSFERRED,
        State.ENTERED_IN_ERROR,
    )
)


class Action(StrEnum):
    """What somebody does to an assignment. `record_reached` moves no state."""

    REQUEST = "request"
    RECEIVE = "receive"
    ACCEPT = "accept"
    DECLINE = "decline"
    START = "start"
    HOLD = "hold"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    REQUEST_CANCEL = "request_cancel"
    CONFIRM_CANCEL = "confirm_cancel"
    REFUSE_CANCEL = "refuse_cancel"
    TRANSFER = "transfer"
    RETRACT = "retract"
    RECORD_REACHED = "record_reached"


class Actor(StrEnum):
    """In which part somebody acts."""

    SENDER = "sender"
    TARGET = "target"
    OPERATOR = "operator"


class ReferralState(StrEnum):
    """The sender's intent. It follows its assignments; nobody sets it directly."""

    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    REVOKED = "revoked"
    ENTERED_IN_ERROR = "entered_in_error"


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """A case as routing may look at it."""

    case_id: UUID
    reference: str
    place: Place
    problem_types: tuple[str, ...]
    """The first leads."""
    ess_cause: str | None
    urgency: str
    channel: str
    kind: str
    """`incident`, `complaint` or `tip`: all are routed, and the decision remembers which it was."""
    languages: tuple[str, ...]
    excluded: frozenset[str]
    reported_at: datetime
    report_id: str
    reporting_agency: str
    """The agency whose system sent the report and hears of its progress; empty for other doors."""
    receiving_unit_id: str

    def excludes(self, agency: str, unit_id: str = "") -> bool:
        """Say whether the agency or the unit is implicated in the case."""
        return f"agency:{agency}" in self.excluded or (bool(unit_id) and unit_id in self.excluded)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One referral, handed to one unit. Re-routing makes a new one that replaces it."""

    assignment_id: UUID
    referral_id: UUID
    case_id: UUID
    problem_type: str
    track: int
    """0 is the problem's own referral; each supporting chain of its rule counts on from 1."""
    part: str
    """`lead` (one a case) or `supporting`."""
    unit_id: str
    agency: str
    adapter: str
    """The agency system that carries it; empty for a unit that is told by notice only."""
    ministry: str
    unit_province: str
    state: State
    version: int
    rule: str
    replaces: UUID | None
    may_decline: bool
    """False when the host agency has declined this referral once: then it has to serve."""
    requested_at: datetime
    state_at: datetime
    state_before: State | None = None
    """What a refused cancellation goes back to."""
    reason_code: str = ""
    acted_at: datetime | None = None
    """When the last change happened by the clock of the one who made it."""
    held: int = 0
    """Updates that came before their turn and wait."""

    @property
    def open(self) -> bool:
        return self.state not in FINAL


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody asks to do to one assignment."""

    assignment_id: UUID
    action: Action
    role: Actor
    agency: str
    """Proven by certificate or key, never by the body of a message."""
    actor: str
    expected_version: int = 0
    reason_code: str = ""
    outcomes: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    reached_by: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One move of one assignment, as it is kept for ever."""

    before: Assignment
    after: Assignment
    act: Act
    occurred_at: datetime
    unconfirmed: bool = False
    """Cancelled by the sender alone: the target never answered."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A point on a referral's way, when it was truly reached."""

    kind: str
    occurred_at: datetime
    assignment_id: UUID | None
    """None for `submitted`, which belongs to no unit."""


@dataclass(frozen=True, slots=True)
class Referral:
    """The sender's intent for one problem of a case, with all that came of it, oldest first."""

    referral_id: UUID
    problem_type: str
    state: str
    part: str
    assignments: tuple[Assignment, ...]
    milestones: tuple[Milestone, ...]


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision as it was stored, with the versions of the data that made it."""

    rule: str
    candidates: tuple[tuple[str, str], ...]
    fallback_chain: tuple[str, ...]
    decided_at: datetime
    registry_version: int
    registry_digest: str
    policy_digest: str
    policy_versions: Mapping[str, int]
