"""What follows from a move for the referral, the sender and the target's system."""

from __future__ import annotations

from typing import Any

import pytest

from services.routing.domain import consequences
from services.routing.domain.model import (
    HUB,
    Action,
    Actor,
    Assignment,
    Change,
    ReferralState,
    State,
)
from tests.unit.routing.making import NOW, act, assignment, facts


def change(before: State, to: State, role: Actor = Actor.TARGET, **fields: Any) -> Change:
    then: Assignment = assignment(to, **fields)
    return Change(assignment(before), then, act(Action.COMPLETE, role), NOW)


@pytest.mark.parametrize("state", [State.DECLINED, State.FAILED, State.TRANSFERRED])
def test_ending_without_completion_reopens_the_search_and_the_referral_goes_on(
    state: State,
) -> None:
    move = change(State.RECEIVED, state)
    assert consequences.reopens(move)
    assert consequences.referral_after(move) is None


@pytest.mark.parametrize(
    ("state", "referral"),
    [
        (State.COMPLETED, ReferralState.COMPLETED),
        (State.CANCELLED, ReferralState.REVOKED),
        (State.ENTERED_IN_ERROR, ReferralState.ENTERED_IN_ERROR),
    ],
)
def test_a_referral_ends_with_its_assignment(state: State, referral: ReferralState) -> None:
    move = change(State.ACCEPTED, state)
    assert consequences.referral_after(move) is referral
    assert not consequences.reopens(move)


def test_taking_back_a_declined_assignment_leaves_the_referral_with_its_replacement() -> None:
    assert consequences.referral_after(change(State.DECLINED, State.ENTERED_IN_ERROR)) is None


@pytest.mark.parametrize(
    ("before", "to", "role", "told"),
    [
        (State.RECEIVED, State.CANCELLED, Actor.SENDER, True),
        (State.ACCEPTED, State.CANCEL_REQUESTED, Actor.SENDER, True),
        (State.ON_HOLD, State.TRANSFERRED, Actor.OPERATOR, True),
        (State.ON_HOLD, State.TRANSFERRED, Actor.TARGET, False),
        (State.CANCEL_REQUESTED, State.CANCELLED, Actor.TARGET, False),
        (State.COMPLETED, State.ENTERED_IN_ERROR, Actor.SENDER, False),
        (State.DRAFT, State.ENTERED_IN_ERROR, Actor.SENDER, False),
    ],
)
def test_the_targets_system_hears_what_others_call_off(
    before: State, to: State, role: Actor, told: bool
) -> None:
    assert consequences.target_must_hear(change(before, to, role)) is told


@pytest.mark.parametrize(
    ("role", "agency", "stranger"),
    [
        (Actor.TARGET, "public_health", False),
        (Actor.TARGET, "police", True),
        (Actor.SENDER, "ngo", False),
        (Actor.SENDER, HUB, False),
        (Actor.SENDER, "public_health", True),
        (Actor.OPERATOR, "msdhs", False),
        (Actor.OPERATOR, "labour", True),
    ],
)
def test_to_a_stranger_the_assignment_does_not_exist(
    role: Actor, agency: str, stranger: bool
) -> None:
    case = facts("unready_pregnancy", excluded=frozenset(("agency:labour",)))
    found = consequences.is_stranger(
        assignment(), case, "ngo", act(Action.ACCEPT, role, agency=agency)
    )
    assert found is stranger
