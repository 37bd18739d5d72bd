"""What may wait waits for a reason that is said; what waits together goes as one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from policies.model import Limit, Priority
from services.alerting.domain.pacing import BUNDLE, QUIET, THROTTLE, Held, Past, plan, quiet_until

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # noon in Bangkok
HIGH = Priority(
    "high", ("email",), False, True, True, timedelta(minutes=2), None,
    {"email": Limit(3, timedelta(minutes=10))},
)  # fmt: skip
NOTHING = Past({}, {})


def held(number: int, desk: str = "central", **fields: object) -> Held:
    given_ = Held(UUID(int=number), desk, "email", "overdue", "central", "high", NOW, first=True)
    return replace(given_, **fields)  # type: ignore[arg-type]  # of Held's own names


def by(priority: Priority) -> dict[str, Priority]:
    return {"high": priority}


def test_the_first_message_goes_at_once() -> None:
    found = plan([held(1)], NOTHING, by(HIGH), now=NOW)
    assert found.released == {UUID(int=1): []}
    assert found.held == {}


def test_what_waits_for_one_desk_goes_as_one_message() -> None:
    found = plan([held(n) for n in range(1, 3001)], NOTHING, by(HIGH), now=NOW)
    assert {lead.int: len(others) for lead, others in found.released.items()} == {1: 2999}


def test_two_desks_two_policies_and_two_tiers_are_never_mixed() -> None:
    messages = [
        held(1), held(2, "province-50"), held(3, policy_id="unroutable"), held(4, tier="province"),
    ]  # fmt: skip
    found = plan(messages, NOTHING, by(replace(HIGH, limits={})), now=NOW)
    assert found.released == {UUID(int=n): [] for n in (1, 2, 3, 4)}


def test_after_a_message_the_next_waits_for_the_others() -> None:
    past = Past({}, {held(1).kind: NOW - timedelta(seconds=30)})
    found = plan([held(1), held(2)], past, by(HIGH), now=NOW)
    until = NOW + timedelta(seconds=90)
    assert found.held == {UUID(int=1): (until, BUNDLE), UUID(int=2): (until, BUNDLE)}


def test_a_step_up_or_a_repetition_does_not_wait_for_others() -> None:
    past = Past({}, {held(1).kind: NOW - timedelta(seconds=30)})
    found = plan([held(1, first=False)], past, by(HIGH), now=NOW)
    assert found.released == {UUID(int=1): []}


def test_a_desk_that_had_enough_takes_breath_until_there_is_room() -> None:
    sent = [NOW - timedelta(minutes=minutes) for minutes in (9, 5, 1)]
    past = Past({held(1).contact: sent}, {})
    found = plan([held(1)], past, by(HIGH), now=NOW)
    assert found.held == {UUID(int=1): (NOW + timedelta(minutes=1), THROTTLE)}


def test_one_busy_desk_delays_no_other() -> None:
    """goalert#4449: 1,300 recipients waited behind one hard-coded throttle."""
    past = Past({held(1).contact: [NOW] * 50}, {})
    messages = [held(1), *(held(n, f"province-{n}") for n in range(2, 1302))]
    found = plan(messages, past, by(HIGH), now=NOW)
    assert len(found.released) == 1300
    assert list(found.held) == [UUID(int=1)]


def test_at_night_what_may_wait_waits_for_the_morning() -> None:
    quiet = replace(HIGH, quiet=(time(22), time(6)))
    night = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # midnight in Bangkok
    found = plan([held(1)], NOTHING, by(quiet), now=night)
    assert found.held == {UUID(int=1): (datetime(2026, 11, 23, 23, 0, tzinfo=UTC), QUIET)}


@given(st.integers(0, 24 * 60 - 1), st.integers(0, 23), st.integers(1, 23))
def test_quiet_hours_agree_with_walking_every_minute(minute: int, start: int, length: int) -> None:
    quiet = (time(start), time((start + length) % 24))
    now = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(minutes=minute)

    def is_quiet(at: datetime) -> bool:
        local = (at.hour * 60 + at.minute + 7 * 60) % (24 * 60)
        return (local - start * 60) % (24 * 60) < length * 60

    until = quiet_until(quiet, now)
    if not is_quiet(now):
        assert until is None
        return
    walked = now
    while is_quiet(walked):
        walked += timedelta(minutes=1)
    assert until == walked


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.booleans(), st.integers(0, 300)), max_size=30
    ),
    st.lists(st.integers(0, 900), max_size=8),
)
def test_nothing_is_dropped_and_nothing_is_told_twice(
    messages: list[tuple[str, bool, int]], before: list[int]
) -> None:
    waiting = [
        held(n, desk, first=first, created_at=NOW - timedelta(seconds=age))
        for n, (desk, first, age) in enumerate(messages)
    ]
    sent = sorted(NOW - timedelta(seconds=age) for age in before)
    past = Past({("a", "email"): sent}, {})
    found = plan(waiting, past, by(HIGH), now=NOW)
    out = [*found.released, *(n for others in found.released.values() for n in others)]
    assert sorted(out + list(found.held)) == sorted(m.notification_id for m in waiting)
    assert all(until > NOW for until, _ in found.held.values())
