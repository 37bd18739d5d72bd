"""The ledger of a stand-in, in memory: what is counted, and what may happen to a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.standins import ledger
from sandbox.standins.ledger import SCHEMA, Arrival
from sandbox.standins.script import Deed, Facts, Script, State, Step

NOW = datetime(2026, 4, 10, 8, 0, tzinfo=UTC)


@pytest.fixture
def tx() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.executescript(SCHEMA)
    yield connection
    connection.close()


def arrive(tx: sqlite3.Connection, key: str = "k1", reference: str = "a1") -> ledger.Referral:
    facts = Facts(references=(reference,))
    referral, _ = ledger.receive(tx, Arrival(key, reference, facts, body="{}"), NOW)
    return referral


def state(tx: sqlite3.Connection, key: str = "k1") -> State:
    found = ledger.find(tx, key=key)
    assert found is not None
    return found.state


def test_the_same_key_is_one_effect_and_a_duplicate(tx: sqlite3.Connection):
    assert arrive(tx) == arrive(tx)
    counts = ledger.counts(tx)
    assert (counts["received"], counts["effects"], counts["duplicates"]) == (2, 1, 1)
    assert counts["doubled"] == []


def test_two_keys_for_one_reference_are_a_doubled_effect(tx: sqlite3.Connection):
    arrive(tx, "k1")
    arrive(tx, "k2")
    assert ledger.counts(tx)["doubled"] == ["a1"]


def test_what_the_state_does_not_allow_is_not_done(tx: sqlite3.Connection):
    referral = arrive(tx)
    assert not ledger.record(tx, referral, Step(do=Deed.COMPLETE), NOW)
    assert state(tx) is State.NEW
    assert ledger.record(tx, referral, Step(do=Deed.ACCEPT), NOW)
    assert state(tx) is State.ACCEPTED


def test_a_cancelled_file_has_no_next_step(tx: sqlite3.Connection):
    referral = arrive(tx)
    assert [each.key for each in ledger.due(tx, NOW + timedelta(days=1), 9)] == ["k1"]
    ledger.record(tx, referral, Step(do=Deed.CONFIRM_CANCEL), NOW)
    assert ledger.due(tx, NOW + timedelta(days=1), 9) == []


def test_steps_fall_due_one_after_the_other(tx: sqlite3.Connection):
    steps = (Step(do=Deed.ACCEPT, after=10), Step(do=Deed.REACH, after=60))
    ledger.set_script(tx, Script(otherwise=steps))
    arrive(tx)
    assert ledger.due(tx, NOW + timedelta(seconds=9), 9) == []
    (referral,) = ledger.due(tx, NOW + timedelta(seconds=10), 9)
    ledger.record(tx, referral, steps[0], NOW)
    ledger.move_on(tx, "k1", NOW + timedelta(seconds=10))
    assert ledger.due(tx, NOW + timedelta(seconds=69), 9) == []
    (referral,) = ledger.due(tx, NOW + timedelta(seconds=70), 9)
    assert referral.steps[referral.next_step].do is Deed.REACH


def test_refusing_to_cancel_goes_on_with_the_rest(tx: sqlite3.Connection):
    ledger.set_script(tx, Script(on_cancel="refuse"))
    ledger.ask_to_cancel(tx, arrive(tx), NOW)
    found = ledger.find(tx, key="k1")
    assert found is not None
    assert [step.do for step in found.steps] == [
        Deed.REFUSE_CANCEL,
        Deed.ACCEPT,
        Deed.REACH,
        Deed.COMPLETE,
    ]


def test_the_script_of_the_admin_goes_before_that_of_the_start(tx: sqlite3.Connection):
    ledger.set_script_at_start(tx, Script(otherwise=()))
    assert ledger.current_script(tx).otherwise == ()
    ledger.set_script(tx, Script())
    ledger.set_script_at_start(tx, Script(otherwise=()))
    assert ledger.current_script(tx) == Script()


def test_the_person_is_reached_once_however_often_it_is_done(tx: sqlite3.Connection):
    referral = arrive(tx)
    ledger.record(tx, referral, Step(do=Deed.ACCEPT), NOW)
    for minutes in (1, 2):
        current = ledger.find(tx, key="k1")
        assert current is not None
        ledger.record(tx, current, Step(do=Deed.REACH), NOW + timedelta(minutes=minutes))
    found = ledger.find(tx, key="k1")
    assert found is not None
    assert found.reached_at == ledger.stamp(NOW + timedelta(minutes=1))


def test_the_same_news_is_kept_once(tx: sqlite3.Connection):
    assert ledger.take_news(tx, "n1", "r1", "accepted", NOW)
    assert not ledger.take_news(tx, "n1", "r1", "accepted", NOW)
    assert ledger.counts(tx)["news"] == {"received": 2, "kept": 1}
