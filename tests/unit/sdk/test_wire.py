"""Between the contract and the adapter's words, nothing is lost and nothing slips through."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import protovalidate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk import Action, Delivery, DeliveryKind, Person, Receipt, SafeContact, Update, wire
from adapters.sdk.samples import IDENTITY, THAI, request_bytes, sample_delivery
from songtor.routing.v1 import events_pb2

NOW = datetime(2026, 4, 13, 12, tzinfo=UTC)
words = st.text(st.characters(codec="utf-8"), max_size=20)
# Whatever an agency's JSON can make of a string: halves of characters, NUL, anything.
hostile = st.text(st.characters(), max_size=300)
instants = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 the zone is drawn apart
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
people = st.builds(Person, words, words, words, words, st.tuples(words))
contacts = st.builds(SafeContact, st.booleans(), st.tuples(words), words, words)
deliveries = st.builds(
    sample_delivery,
    kind=st.sampled_from(DeliveryKind),
    case_seq=st.integers(1, 2**31 - 1),
    urgency=st.sampled_from(["crisis", "urgent", "normal"]),
    ess_cause=st.sampled_from(["", "threat"]),
    silent=st.booleans(),
    people=st.lists(people, max_size=3).map(tuple),
    safe_contact=contacts,
    need_summary=words,
    unit_name=words,
    unit_external_ids=st.dictionaries(words, words, max_size=3),
    status=words,
    part=words,
    requested_at=instants,
    reported_at=instants,
)
updates = st.builds(
    Update,
    source_id=hostile,
    action=st.sampled_from(Action),
    occurred_at=instants,
    agency_record_id=hostile,
    reason_code=hostile,
    outcomes=st.lists(hostile, max_size=3).map(tuple),
    reached_by=hostile,
    actor=hostile,
    losses=st.lists(hostile, max_size=3).map(tuple),
)


@given(deliveries)
def test_a_delivery_is_read_as_routing_wrote_it(delivery: Delivery) -> None:
    assert wire.delivery_from_bytes(request_bytes(delivery)) == delivery


def test_a_place_without_a_pin_has_none() -> None:
    delivery = sample_delivery(latitude=None, longitude=None)
    read = wire.delivery_from_bytes(request_bytes(delivery))
    assert (read.latitude, read.longitude) == (None, None)


@pytest.mark.parametrize("word", IDENTITY)
def test_what_the_contract_does_not_have_does_not_slip_through(word: str) -> None:
    asked = request_bytes(sample_delivery(need_summary=THAI), smuggled=word)
    assert word.encode() in asked
    assert word not in repr(wire.delivery_from_bytes(asked))


def test_a_kind_we_do_not_know_is_no_kind_we_know() -> None:
    asked = events_pb2.DeliveryRequested.FromString(request_bytes(sample_delivery()))
    asked.kind = 99  # type: ignore[assignment]  # no kind of today
    with pytest.raises(KeyError):
        wire.delivery_from_bytes(asked.SerializeToString())
    assert wire.ledger_row(asked.SerializeToString(), now=NOW)["kind"] == "unknown"


@pytest.mark.parametrize(
    ("changes", "priority"),
    [
        ({"urgency": "normal"}, 7),
        ({"urgency": "urgent"}, 5),
        ({"urgency": "crisis"}, 1),
        ({"urgency": "normal", "ess_cause": "threat"}, 0),
    ],
)
def test_the_more_urgent_goes_first(changes: dict[str, str], priority: int) -> None:
    row = wire.ledger_row(request_bytes(sample_delivery(**changes)), now=NOW)
    assert row["priority"] == priority


@given(st.binary(max_size=200))
def test_no_bytes_at_all_get_further_than_being_refused(payload: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 any of its kinds
        wire.ledger_row(payload, now=NOW)


def test_the_same_news_always_has_the_same_id_and_no_two_share_one() -> None:
    assert wire.update_id("police", "1") == UUID("c85ea83e-8c96-5e5c-be20-b29a3895f7ee")
    ids = {wire.update_id(agency, source) for agency in ("police", "ngo") for source in ("1", "2")}
    assert len(ids) == 4


def test_the_receipt_and_the_parking_of_one_delivery_are_two_pieces_of_news() -> None:
    delivery_id, assignment_id = uuid4(), uuid4()
    which = ("police", delivery_id, assignment_id)
    receipt, _ = wire.delivered(*which, Receipt("1"), now=NOW)
    parked, _ = wire.parked(*which, "UNIT_CLOSED", now=NOW)
    assert receipt != parked
    assert wire.delivered(*which, Receipt("2"), now=NOW + timedelta(hours=1))[0] == receipt


@given(updates)
def test_any_words_of_an_agency_can_be_written_down(update: Update) -> None:
    update_id, payload = wire.acted("police", update, str(uuid4()))
    told = events_pb2.AgencyUpdate.FromString(payload)
    assert told.update_id == str(update_id)
    for text in (told.actor, told.agency_record_id, told.reason_code, *told.outcomes):
        assert "\x00" not in text
    assert len(told.agency_record_id) <= 200
    if all(len(text) <= 32 for text in (update.reason_code, update.reached_by)):
        assert wire.is_valid(payload)


@given(hostile, hostile, st.lists(hostile, max_size=100).map(tuple))
def test_any_receipt_and_any_refusal_is_valid_news(
    record: str, reason: str, losses: tuple[str, ...]
) -> None:
    which = ("police", uuid4(), uuid4())
    for _, payload in (
        wire.delivered(*which, Receipt(record, losses=losses), now=NOW),
        wire.parked(*which, reason, now=NOW),
    ):
        assert protovalidate.collect_violations(events_pb2.AgencyUpdate.FromString(payload)) == []


@given(hostile)
def test_an_id_is_stored_as_it_is_looked_up(word: str) -> None:
    once = wire.storable_id(word)
    assert wire.storable_id(once) == once
    assert len(once) <= 200
    once.encode()
    if "\x00" not in word and word.isprintable() and len(word) <= 200:
        assert once == word


def test_news_that_waited_for_its_assignment_is_the_same_news() -> None:
    update = Update("1", Action.ACCEPT, NOW, agency_record_id="r")
    first, kept = wire.acted("police", update, "")
    assignment = str(uuid4())
    second, told = wire.acted("police", replace(update), assignment)
    assert (first, wire.about(kept, assignment)) == (second, told)
