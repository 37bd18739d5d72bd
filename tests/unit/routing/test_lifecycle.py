"""The life of an assignment: every state, every action, every actor."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from mesh.errors import FailedPreconditionError, InvalidArgumentError
from services.routing.domain.lifecycle import Verdict, apply, check_reached, judge
from services.routing.domain.model import FINAL, Action, Actor, ReferralState, State
from tests.unit.routing.making import NOW, RULES, act, assignment

# Written off lifecycle.md, not off the code: state, action, who may, where it leads.
LEGAL = """
draft            request         sender                  requested
requested        receive         target                  received
requested        accept          target                  accepted
requested        decline         target                  declined
requested        cancel          sender                  cancelled
requested        transfer        sender,target,operator  transferred
received         accept          target                  accepted
received         decline         target                  declined
received         cancel          sender                  cancelled
received         transfer        sender,target,operator  transferred
accepted         start           target                  in_progress
accepted         hold            target                  on_hold
accepted         complete        target                  completed
accepted         fail            target                  failed
accepted         request_cancel  sender                  cancel_requested
accepted         transfer        target                  transferred
in_progress      hold            target                  on_hold
in_progress      complete        target                  completed
in_progress      fail            target                  failed
in_progress      request_cancel  sender                  cancel_requested
in_progress      transfer        target                  transferred
on_hold          start           target                  in_progress
on_hold          complete        target                  completed
on_hold          fail            target                  failed
on_hold          request_cancel  sender                  cancel_requested
on_hold          transfer        target,operator         transferred
cancel_requested confirm_cancel  target                  cancelled
cancel_requested refuse_cancel   target                  in_progress
cancel_requested cancel          sender                  cancelled
"""
EXPECTED = {
    (State(state), Action(action), Actor(actor)): State(to)
    for state, action, actors, to in (line.split() for line in LEGAL.strip().splitlines())
    for actor in actors.split(",")
} | {
    (state, Action.RETRACT, Actor.SENDER): State.ENTERED_IN_ERROR
    for state in State
    if state is not State.ENTERED_IN_ERROR
}
MOVES = [action for action in Action if action is not Action.RECORD_REACHED]
LATER = NOW + timedelta(hours=25)
MIGRATION = Path(__file__).parents[3] / "services/routing/migrations/0001_create_referrals.py"


@pytest.mark.parametrize(("state", "action", "actor"), list(product(State, MOVES, Actor)))
def test_every_move_is_in_the_table_or_refused_with_the_current_state(
    state: State, action: Action, actor: Actor
) -> None:
    before = assignment(state)
    expected = EXPECTED.get((state, action, actor))
    if expected is None:
        with pytest.raises(FailedPreconditionError) as refused:
            apply(before, act(action, actor), RULES, now=LATER)
        assert refused.value.reason == "ILLEGAL_MOVE"
        assert refused.value.details["state"] == state
        assert refused.value.details["version"] == "3"
    else:
        change = apply(before, act(action, actor), RULES, now=LATER)
        assert change.after.state is expected
        assert change.after.version == 4
        assert change.after.state_at == LATER


def test_a_system_that_skips_states_may_complete_what_it_accepted_but_not_what_it_was_offered() -> (
    None
):
    done = act(Action.COMPLETE)
    assert apply(assignment(State.ACCEPTED), done, RULES, now=NOW).after.state is State.COMPLETED
    with pytest.raises(FailedPreconditionError):
        apply(assignment(State.REQUESTED), done, RULES, now=NOW)


def test_a_stale_version_is_refused_before_anything_else_and_zero_means_any() -> None:
    before = assignment(State.REQUESTED)
    with pytest.raises(FailedPreconditionError) as refused:
        apply(before, act(Action.ACCEPT, expected_version=2), RULES, now=NOW)
    assert refused.value.reason == "STALE_VERSION"
    assert refused.value.details == {
        "assignment_id": str(before.assignment_id),
        "state": "requested",
        "version": "3",
    }
    assert apply(before, act(Action.ACCEPT, expected_version=3), RULES, now=NOW).after.version == 4
    assert apply(before, act(Action.ACCEPT), RULES, now=NOW).after.version == 4


@pytest.mark.parametrize(
    ("state", "action", "actor"),
    [
        (State.REQUESTED, Action.DECLINE, Actor.TARGET),
        (State.ACCEPTED, Action.HOLD, Actor.TARGET),
        (State.ACCEPTED, Action.FAIL, Actor.TARGET),
        (State.REQUESTED, Action.CANCEL, Actor.SENDER),
        (State.ACCEPTED, Action.REQUEST_CANCEL, Actor.SENDER),
        (State.CANCEL_REQUESTED, Action.REFUSE_CANCEL, Actor.TARGET),
    ],
)
@pytest.mark.parametrize("code", ["", "because"])
def test_a_coded_reason_is_needed(state: State, action: Action, actor: Actor, code: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        apply(assignment(state), act(action, actor, reason_code=code), RULES, now=NOW)
    assert refused.value.violations[0].field == "reason_code"


@pytest.mark.parametrize("outcomes", [(), ("fine",), ("helped", "fine")])
def test_completing_needs_outcomes_of_the_policies(outcomes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        apply(assignment(State.ACCEPTED), act(Action.COMPLETE, outcomes=outcomes), RULES, now=NOW)
    assert refused.value.violations[0].field == "outcomes"


@pytest.mark.parametrize("state", [State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD])
def test_a_refused_cancellation_goes_back_to_the_state_before(state: State) -> None:
    asked = apply(assignment(state), act(Action.REQUEST_CANCEL, Actor.SENDER), RULES, now=NOW).after
    assert asked.state_before is state
    refused = apply(asked, act(Action.REFUSE_CANCEL), RULES, now=NOW).after
    assert (refused.state, refused.state_before) == (state, None)


def test_a_confirmed_cancellation_keeps_the_reason_for_which_it_was_asked() -> None:
    asked = apply(
        assignment(State.ACCEPTED),
        act(Action.REQUEST_CANCEL, Actor.SENDER, reason_code="person_withdrew"),
        RULES,
        now=NOW,
    ).after
    assert apply(asked, act(Action.CONFIRM_CANCEL), RULES, now=NOW).after.reason_code == (
        "person_withdrew"
    )


def test_the_sender_cancels_alone_only_after_the_target_had_its_time_and_it_is_marked() -> None:
    asked = assignment(State.CANCEL_REQUESTED, reason_code="duplicate")
    alone = act(Action.CANCEL, Actor.SENDER, reason_code="")
    with pytest.raises(FailedPreconditionError) as refused:
        apply(asked, alone, RULES, now=NOW + timedelta(hours=23, minutes=59))
    assert refused.value.reason == "AWAITING_TARGET"
    change = apply(asked, alone, RULES, now=NOW + timedelta(hours=24))
    assert change.unconfirmed
    assert change.after.reason_code == "duplicate"
    offered = apply(assignment(State.REQUESTED), act(Action.CANCEL, Actor.SENDER), RULES, now=NOW)
    assert not offered.unconfirmed


def test_the_host_agency_declines_once_and_then_has_to_serve() -> None:
    bound = assignment(State.RECEIVED, may_decline=False)
    with pytest.raises(FailedPreconditionError) as refused:
        apply(bound, act(Action.DECLINE), RULES, now=NOW)
    assert refused.value.reason == "DECLINED_BEFORE"
    assert apply(bound, act(Action.ACCEPT), RULES, now=NOW).after.state is State.ACCEPTED


@pytest.mark.parametrize("state", State)
def test_time_alone_changes_nothing_and_the_true_time_is_kept(state: State) -> None:
    earlier = NOW - timedelta(hours=3)
    for (start, action, actor), to in EXPECTED.items():
        if start is state:
            change = apply(
                assignment(state), act(action, actor, occurred_at=earlier), RULES, now=LATER
            )
            assert change.after.state is to
            assert change.occurred_at == earlier
            assert change.after.state_at == LATER


@pytest.mark.parametrize("state", State)
def test_a_person_is_reached_wherever_a_unit_can_have_reached_them(state: State) -> None:
    impossible = {State.DRAFT, State.DECLINED, State.ENTERED_IN_ERROR}
    for actor in Actor:
        reached = act(Action.RECORD_REACHED, actor)
        if actor is Actor.TARGET and state not in impossible:
            check_reached(assignment(state), reached)
        else:
            with pytest.raises(FailedPreconditionError):
                check_reached(assignment(state), reached)


def test_the_database_knows_the_same_states() -> None:
    checked = re.findall(r"state IN \((.*?)\)", MIGRATION.read_text(encoding="utf-8"), re.DOTALL)
    names = [set(re.findall(r"'(\w+)'", states)) for states in checked]
    assert set(State) in names
    assert set(ReferralState) in names


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("state", "action", "minutes", "verdict"),
    [
        pytest.param("requested", "accept", 1, "apply", id="in-its-turn"),
        pytest.param("requested", "complete", 1, "early", id="overtook-the-acceptance"),
        pytest.param("requested", "complete", -1, "early", id="clocks-that-differ-lose-nothing"),
        pytest.param("received", "start", 1, "early", id="overtook-it-too"),
        pytest.param("accepted", "accept", 1, "late", id="said-twice"),
        pytest.param("accepted", "receive", 1, "late", id="long-known"),
        pytest.param("completed", "accept", -1, "late", id="older-than-the-end"),
        pytest.param("completed", "accept", 0, "late", id="in-the-same-second-as-the-end"),
        pytest.param("completed", "accept", 1, "contradicts", id="taken-up-again-after-the-end"),
        pytest.param("accepted", "decline", 1, "contradicts", id="declined-after-accepting"),
        pytest.param("accepted", "decline", -1, "late", id="declined-before-it-accepted"),
        pytest.param("failed", "complete", 1, "contradicts", id="two-ends"),
        pytest.param("cancelled", "accept", 1, "late", id="crossed-the-cancellation"),
        pytest.param("cancelled", "complete", 1, "contradicts", id="worked-on-when-called-off"),
        pytest.param("cancelled", "receive", 1, "late", id="receipt-after-the-cancellation"),
        pytest.param("declined", "receive", 1, "late", id="receipt-after-the-decline"),
        pytest.param("on_hold", "start", 1, "apply", id="goes-on"),
        pytest.param("on_hold", "start", -1, "late", id="went-on-before-it-paused"),
        pytest.param("on_hold", "complete", -1, "apply", id="an-end-counts-whenever"),
        pytest.param("cancel_requested", "complete", 1, "early", id="waits-for-the-answer"),
        pytest.param("in_progress", "confirm_cancel", 1, "contradicts", id="nobody-asked"),
    ],
)
def test_news_is_judged_by_what_is_known(
    state: str, action: str, minutes: int, verdict: str
) -> None:
    known = replace(assignment(State(state)), acted_at=NOW)
    told = act(Action(action), occurred_at=NOW + minutes * MINUTE)
    assert judge(known, told, now=NOW + timedelta(hours=1)) is Verdict(verdict)


@pytest.mark.parametrize(("state", "action"), list(product(State, MOVES)))
def test_what_is_judged_applicable_is_a_legal_move_and_ends_are_final(
    state: State, action: Action
) -> None:
    told = act(action, occurred_at=NOW + MINUTE)
    verdict = judge(replace(assignment(state), acted_at=NOW), told, now=LATER)
    legal = (state, action, Actor.TARGET) in EXPECTED
    assert (verdict is Verdict.APPLY) == legal
    if state in FINAL:
        assert verdict in (Verdict.LATE, Verdict.CONTRADICTS)
