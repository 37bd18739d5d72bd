"""What follows from a move of an assignment for its referral, its sender and its target."""

from __future__ import annotations

from services.routing.domain.model import (
    HUB,
    Act,
    Actor,
    Assignment,
    CaseFacts,
    Change,
    ReferralState,
    State,
)

REOPENING = frozenset((State.DECLINED, State.FAILED, State.TRANSFERRED))
"""The assignment ended without completion and the referral goes on: somebody else is sought."""
_ENDINGS = {
    State.COMPLETED: ReferralState.COMPLETED,
    State.CANCELLED: ReferralState.REVOKED,
    State.ENTERED_IN_ERROR: ReferralState.ENTERED_IN_ERROR,
}
_MILESTONES = {State.ACCEPTED: "accepted"}
DELIVERED, REACHED, CLOSED = "delivered", "reached", "closed"
_TOLD = frozenset(
    (State.CANCEL_REQUESTED, State.CANCELLED, State.TRANSFERRED, State.ENTERED_IN_ERROR)
)


def reopens(change: Change) -> bool:
    """Say whether the referral's search for a unit starts again."""
    return change.after.state in REOPENING


def referral_after(change: Change) -> ReferralState | None:
    """Return the state that the referral ends in by this move, or None when it goes on."""
    if change.before.state in REOPENING:
        # Taken back after another unit was asked: the referral is with that one now.
        return None
    return _ENDINGS.get(change.after.state)


def milestone_of(change: Change) -> str | None:
    """Return the milestone that the move is."""
    return _MILESTONES.get(change.after.state)


def target_must_hear(change: Change) -> bool:
    """Say whether the target's own system has to be told that its work is called off."""
    return (
        change.act.role is not Actor.TARGET
        and change.after.state in _TOLD
        and change.before.open
        and change.before.state is not State.DRAFT
    )


def is_stranger(assignment: Assignment, facts: CaseFacts, sender: str, act: Act) -> bool:
    """Say whether to the one who acts the assignment must look as if it did not exist.

    `sender` is the agency that refers, or the hub itself.
    """
    if facts.excludes(act.agency):
        return True
    match act.role:
        case Actor.TARGET:
            return act.agency != assignment.agency
        case Actor.SENDER:
            return act.agency not in (sender, HUB)
        case Actor.OPERATOR:
            # Which officers are the hub's operators is the gateway's to know.
            return False
