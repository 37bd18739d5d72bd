"""The life of an assignment as one table, and what an agency's news means against it.

Time never changes a state: only somebody's act does. An illegal or stale act is refused with the
current state, never silently taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import cache

from mesh.errors import FailedPreconditionError, FieldViolation, InvalidArgumentError
from policies.model import Reasons
from services.routing.domain.model import FINAL, Act, Action, Actor, Assignment, Change, State

SENDER = frozenset((Actor.SENDER,))
TARGET = frozenset((Actor.TARGET,))
TARGET_OR_OPERATOR = frozenset((Actor.TARGET, Actor.OPERATOR))
ANYBODY = frozenset(Actor)


@dataclass(frozen=True, slots=True)
class Move:
    """Where an action leads and who may take it. `to` None: back to the state before."""

    to: State | None
    by: frozenset[Actor]


_WORK: Mapping[Action, Move] = {
    Action.COMPLETE: Move(State.COMPLETED, TARGET),
    Action.FAIL: Move(State.FAILED, TARGET),
    Action.REQUEST_CANCEL: Move(State.CANCEL_REQUESTED, SENDER),
    Action.TRANSFER: Move(State.TRANSFERRED, TARGET),
}
_OFFER: Mapping[Action, Move] = {
    Action.ACCEPT: Move(State.ACCEPTED, TARGET),
    Action.DECLINE: Move(State.DECLINED, TARGET),
    Action.CANCEL: Move(State.CANCELLED, SENDER),
    Action.TRANSFER: Move(State.TRANSFERRED, ANYBODY),
}
_START, _HOLD = Move(State.IN_PROGRESS, TARGET), Move(State.ON_HOLD, TARGET)
_BY_STATE: Mapping[State, Mapping[Action, Move]] = {
    State.DRAFT: {Action.REQUEST: Move(State.REQUESTED, SENDER)},
    State.REQUESTED: {Action.RECEIVE: Move(State.RECEIVED, TARGET), **_OFFER},
    State.RECEIVED: _OFFER,
    State.ACCEPTED: {Action.START: _START, Action.HOLD: _HOLD, **_WORK},
    State.IN_PROGRESS: {Action.HOLD: _HOLD, **_WORK},
    State.ON_HOLD: {
        Action.START: _START,
        **_WORK,
        Action.TRANSFER: Move(State.TRANSFERRED, TARGET_OR_OPERATOR),
    },
    State.CANCEL_REQUESTED: {
        Action.CONFIRM_CANCEL: Move(State.CANCELLED, TARGET),
        Action.REFUSE_CANCEL: Move(None, TARGET),
        # The sender alone, once the target has had its time; marked unconfirmed.
        Action.CANCEL: Move(State.CANCELLED, SENDER),
    },
}
MOVES: Mapping[tuple[State, Action], Move] = {
    (state, action): move for state, moves in _BY_STATE.items() for action, move in moves.items()
} | {
    (state, Action.RETRACT): Move(State.ENTERED_IN_ERROR, SENDER)
    for state in State
    if state is not State.ENTERED_IN_ERROR
}
"""The whole table (lifecycle.md)."""

REACHABLE = frozenset(State) - {State.DRAFT, State.DECLINED, State.ENTERED_IN_ERROR}
"""Where the person can have been reached: a fact that comes late is still a fact."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the policies and settings the lifecycle looks at."""

    reasons: Reasons
    cancel_wait: timedelta
    """How long a sender waits for the target's answer before it may cancel alone."""


def apply(before: Assignment, act: Act, rules: Rules, *, now: datetime) -> Change:
    """Return what `act` changes.

    Raises `FailedPreconditionError` with the current state and version for a stale or illegal act,
    and `InvalidArgumentError` for one that lacks its reason or outcome.
    """
    _check_version(before, act)
    move = MOVES.get((before.state, act.action))
    if move is None or act.role not in move.by:
        raise _illegal(before, act)
    unconfirmed = (before.state, act.action) == (State.CANCEL_REQUESTED, Action.CANCEL)
    if unconfirmed and now - before.state_at < rules.cancel_wait:
        raise refusal(
            before,
            "the unit has not answered the request to cancel, and its time is not over",
            "AWAITING_TARGET",
        )
    if act.action is Action.DECLINE and not before.may_decline:
        raise refusal(before, "the host agency has declined this once already", "DECLINED_BEFORE")
    _check_codes(before, act, rules.reasons)
    occurred_at = act.occurred_at or now
    after = replace(
        before,
        state=move.to or before.state_before or State.ACCEPTED,
        state_before=before.state if move.to is State.CANCEL_REQUESTED else None,
        version=before.version + 1,
        reason_code=act.reason_code or _kept_reason(before, act),
        state_at=now,
        acted_at=occurred_at,
    )
    return Change(before, after, act, occurred_at, unconfirmed)


def check_reached(before: Assignment, act: Act) -> None:
    """Refuse to record that the person was reached where nobody can have."""
    _check_version(before, act)
    if before.state not in REACHABLE or act.role is not Actor.TARGET:
        raise _illegal(before, act)


def refusal(current: Assignment, message: str, reason: str) -> FailedPreconditionError:
    """Return a refusal that carries the current state, so that the actor can go on from there."""
    return FailedPreconditionError(
        message,
        reason=reason,
        details={
            "assignment_id": str(current.assignment_id),
            "state": current.state.value,
            "version": str(current.version),
        },
    )


def _illegal(current: Assignment, act: Act) -> FailedPreconditionError:
    return refusal(current, f"{act.role} may not {act.action} when {current.state}", "ILLEGAL_MOVE")


def _check_version(current: Assignment, act: Act) -> None:
    if act.expected_version and act.expected_version != current.version:
        raise refusal(current, "the assignment has changed since it was read", "STALE_VERSION")


def _kept_reason(before: Assignment, act: Act) -> str:
    # Who confirms a cancellation, or cancels alone, lets the reason stand with which it was asked.
    return before.reason_code if act.action in (Action.CONFIRM_CANCEL, Action.CANCEL) else ""


def _check_codes(before: Assignment, act: Act, reasons: Reasons) -> None:
    known = {
        Action.DECLINE: reasons.decline,
        Action.REFUSE_CANCEL: reasons.decline,
        Action.HOLD: reasons.hold,
        Action.FAIL: reasons.fail,
        Action.CANCEL: reasons.cancel,
        Action.REQUEST_CANCEL: reasons.cancel,
    }.get(act.action)
    stands = before.state is State.CANCEL_REQUESTED and not act.reason_code
    if (
        known is not None
        and act.reason_code not in known
        and not (stands and act.action is Action.CANCEL)
    ):
        raise _wrong("reason_code", "REASON", f"{act.action} needs one of: {', '.join(known)}")
    if act.action is Action.COMPLETE and not (
        act.outcomes and set(act.outcomes) <= set(reasons.outcomes)
    ):
        raise _wrong("outcomes", "OUTCOME", f"complete needs one of: {', '.join(reasons.outcomes)}")


def _wrong(field: str, reason: str, text: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        text, reason=f"{reason}_NEEDED", violations=[FieldViolation(field, reason, text)]
    )


class Verdict(Enum):
    """What news from an agency's system means for the assignment as it stands."""

    APPLY = "apply"
    LATE = "late"
    """It says nothing that is not known: no change."""
    EARLY = "early"
    """Its turn comes after news that has not arrived: it waits."""
    CONTRADICTS = "contradicts"
    """It is newer than what is known and cannot be: a person has to look."""


_CALLED_OFF = frozenset((State.CANCELLED, State.TRANSFERRED, State.ENTERED_IN_ERROR))
"""Ends that others set: the target's news crosses them on the way, and it will hear of them."""
_RANK = {
    State.DRAFT: 0,
    State.REQUESTED: 1,
    State.RECEIVED: 2,
    State.ACCEPTED: 3,
    State.IN_PROGRESS: 4,
    State.ON_HOLD: 4,
    State.CANCEL_REQUESTED: 4,
    **dict.fromkeys(FINAL, 5),
}


def judge(current: Assignment, act: Act, *, now: datetime) -> Verdict:
    """Say what to do with an act whose actor cannot be asked to read again.

    Agencies' systems skip states, repeat themselves, and their news overtakes itself on the way.
    """
    move = MOVES.get((current.state, act.action))
    occurred_at = act.occurred_at or now
    older = current.acted_at is not None and occurred_at < current.acted_at
    if move is not None and act.role in move.by:
        to = move.to or current.state
        return Verdict.LATE if older and _RANK[to] == _RANK[current.state] else Verdict.APPLY
    aims = {m.to for (_, action), m in MOVES.items() if action is act.action and act.role in m.by}
    if current.state in aims or act.action is Action.RECEIVE:
        return Verdict.LATE
    ranks = [_RANK[to] for to in aims if to is not None]
    if max(ranks, default=0) > _RANK[current.state] and act.action in _ahead(current.state):
        # Before the question of age: some systems write no more than whole minutes.
        return Verdict.EARLY
    same_time = current.acted_at is not None and occurred_at == current.acted_at
    crossed = current.open or same_time or current.state in _CALLED_OFF
    passed = bool(ranks) and not aims & FINAL and crossed
    return Verdict.LATE if older or passed else Verdict.CONTRADICTS


@cache
def _ahead(state: State) -> frozenset[Action]:
    """Return what the target may do in the states that it can still come to."""
    seen: set[State] = set()
    actions: set[Action] = set()
    border = [state]
    while border:
        here = border.pop()
        for (start, action), move in MOVES.items():
            if start is not here or Actor.TARGET not in move.by:
                continue
            if here is not state:
                actions.add(action)
            after = (move.to,) if move.to else (State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD)
            border += [to for to in after if to not in seen]
            seen.update(after)
    return frozenset(actions)
