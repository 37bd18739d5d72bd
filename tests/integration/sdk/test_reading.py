"""What the agency did: each deed told once, in its order, and nothing guessed."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from adapters.sdk import Action, DeliveryKind, Inbound, Page, PermanentError, TransientError
from adapters.sdk.samples import sample_delivery
from songtor.routing.v1 import events_pb2, routing_pb2
from tests.fakes.agency import FakeAdapter
from tests.integration.sdk.world import World, case
from tests.waiting import until

ACCEPT, COMPLETE = routing_pb2.ACTION_ACCEPT, routing_pb2.ACTION_COMPLETE


# Once, in order.


async def test_a_deed_is_told_with_the_assignment_that_its_record_was_made_for(
    world: World,
) -> None:
    delivery, other = sample_delivery(), sample_delivery()
    record = await world.carried(delivery)
    await world.carried(other)
    deed = world.agency.does(
        record, Action.COMPLETE, outcomes=("sheltered",), actor="ร.ต.อ. สมมุติ", reached_by="phone"
    )
    await world.reads()
    (told,) = [news for news in await world.news() if news.kind == events_pb2.UPDATE_KIND_ACTED]
    assert (told.assignment_id, told.action) == (delivery.assignment_id, COMPLETE)
    assert list(told.outcomes) == ["sheltered"]
    assert (told.actor, told.reached_by, told.agency_record_id) == (
        deed.actor,
        "phone",
        record,
    )
    assert told.occurred_at.ToDatetime(deed.occurred_at.tzinfo) == deed.occurred_at


async def test_the_same_deed_read_again_is_told_once(world: World) -> None:
    record = await world.carried(sample_delivery())
    deed = world.agency.accepts(record)
    await world.reads()
    world.agency.news.append(deed)
    await world.reads()
    assert len(await world.acted()) == 1


async def test_deeds_are_told_in_the_order_in_which_they_were_done(world: World) -> None:
    delivery = sample_delivery()
    record = await world.carried(delivery)
    world.agency.accepts(record)
    world.agency.does(record, Action.START)
    world.agency.completes(record)
    await world.reads()
    assert [action for _, action in await world.acted()] == [
        ACCEPT,
        routing_pb2.ACTION_START,
        COMPLETE,
    ]


async def test_reading_resumes_after_a_crash_between_any_two_pages(world: World) -> None:
    world.agency._page_size = 1
    deliveries = [sample_delivery() for _ in range(4)]
    for delivery in deliveries:
        world.agency.accepts(await world.carried(delivery))
    # A reader that remembers nothing, for each page: whatever stands is in the ledger.
    async with asyncio.timeout(20):
        while await world.another_reader().read_once():
            continue
    assert [assignment for assignment, _ in await world.acted()] == [
        delivery.assignment_id for delivery in deliveries
    ]


async def test_what_was_read_and_not_stored_is_read_again(world: World) -> None:
    """The cursor moves with what was read, or not at all."""
    delivery = sample_delivery()
    world.agency.accepts(await world.carried(delivery))
    await world.admin.execute("ALTER TABLE reading ADD CHECK (cursor <> '1')")
    with pytest.raises(Exception, match="check"):
        await world.reader.read_once()
    assert await world.acted() == []
    await world.admin.execute("ALTER TABLE reading DROP CONSTRAINT reading_cursor_check")
    await world.reads()
    assert await world.acted() == [(delivery.assignment_id, ACCEPT)]


async def test_an_agency_that_is_away_is_read_when_it_is_back(world: World) -> None:
    delivery = sample_delivery()
    world.agency.accepts(await world.carried(delivery))
    world.agency.is_away()
    with pytest.raises(TransientError):
        await world.reader.read_once()
    task = asyncio.create_task(world.reader.run())
    world.agency.is_back()

    async def told() -> bool:
        return bool(await world.acted())

    await until(told)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_pushed_is_stored_when_the_agency_is_told_so(world: World) -> None:
    delivery = sample_delivery()
    record = await world.carried(delivery)
    deed = world.agency.accepts(record)
    await world.reader.accept([deed])
    assert await world.acted() == [(delivery.assignment_id, ACCEPT)]
    await world.reader.accept([deed])
    await world.reads()
    assert len(await world.acted()) == 1


# Not understood.


async def test_a_deed_on_a_record_we_do_not_know_is_set_aside_and_holds_nobody_back(
    world: World,
) -> None:
    delivery = sample_delivery()
    record = await world.carried(delivery)
    strange = world.agency.accepts("somebody-else's")
    world.agency.accepts(record)
    await world.reads()
    assert await world.acted() == [(delivery.assignment_id, ACCEPT)]
    assert await world.quarantined() == [(strange.source_id, "UNKNOWN_RECORD")]


async def test_a_deed_that_was_faster_than_its_receipt_is_told_when_the_receipt_is_there(
    world: World,
) -> None:
    """The reply was lost, and the agency accepted before anybody knew what the record is called."""
    delivery = sample_delivery()
    world.agency.loses_the_reply()
    record = await world.carried(delivery)
    world.agency.accepts(record)
    await world.reads()
    assert await world.acted() == []
    world.passes(seconds=1)
    await world.carries()
    await world.reads()
    assert await world.acted() == [(delivery.assignment_id, ACCEPT)]
    await world.reads()
    assert len(await world.acted()) == 1


async def test_it_is_told_before_what_the_agency_did_after_it(world: World) -> None:
    delivery = sample_delivery()
    world.agency.loses_the_reply()
    record = await world.carried(delivery)
    world.agency.accepts(record)
    world.agency.does(record, Action.START)
    await world.reads()
    world.passes(seconds=1)
    await world.carries()
    await world.reader.accept([world.agency.completes(record)])
    await world.reads()
    assert [action for _, action in await world.acted()] == [
        ACCEPT,
        routing_pb2.ACTION_START,
        COMPLETE,
    ]


async def test_one_record_for_two_assignments_is_nobodys_to_guess(world: World) -> None:
    one, other = sample_delivery(), sample_delivery()
    for delivery in (one, other):
        world.agency.names_its_record(delivery, "one-file-for-both")
        await world.carried(delivery)
    deed = world.agency.accepts("one-file-for-both")
    await world.reads()
    assert await world.acted() == []
    assert await world.quarantined() == [(deed.source_id, "AMBIGUOUS_RECORD")]


async def test_two_deliveries_of_one_assignment_may_share_a_record(world: World) -> None:
    offer, cancel = case(2, kind=DeliveryKind.OFFER)
    cancel = sample_delivery(
        case_id=offer.case_id,
        case_seq=2,
        assignment_id=offer.assignment_id,
        kind=DeliveryKind.CANCEL,
    )
    for delivery in (offer, cancel):
        world.agency.names_its_record(delivery, "file-1")
        await world.carried(delivery)
    world.agency.does("file-1", Action.CONFIRM_CANCEL)
    await world.reads()
    assert await world.acted() == [(offer.assignment_id, routing_pb2.ACTION_CONFIRM_CANCEL)]


async def test_news_we_told_does_not_make_its_record_an_assignments(world: World) -> None:
    """The agency's own case, about which we told it news of somebody else's assignment."""
    status = sample_delivery(kind=DeliveryKind.STATUS, status="accepted")
    world.agency.names_its_record(status, "their-own-case")
    await world.carried(status)
    deed = world.agency.accepts("their-own-case")
    await world.reads()
    assert await world.acted() == []
    assert await world.quarantined() == [(deed.source_id, "UNKNOWN_RECORD")]


async def test_an_assignment_that_is_none_is_set_aside(world: World) -> None:
    deed = world.agency.does("x", Action.ACCEPT, assignment_id="ours, honestly")
    await world.reads()
    assert await world.quarantined() == [(deed.source_id, "UNKNOWN_ASSIGNMENT")]


async def test_an_assignment_in_other_letters_is_the_same(world: World) -> None:
    assignment = str(uuid4())
    world.agency.does("x", Action.ACCEPT, assignment_id=assignment.upper())
    await world.reads()
    assert await world.acted() == [(assignment, ACCEPT)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason_code": "x" * 49},
        {"outcomes": tuple(str(n) for n in range(17))},
        {"reached_by": "x" * 33},
        {"losses": tuple(str(n) for n in range(65))},
        {"occurred_at": datetime(2026, 4, 13)},  # noqa: DTZ001 that is the point
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_what_routing_would_refuse_is_set_aside_here(
    world: World, wrong: dict[str, Any]
) -> None:
    deed = world.agency.does("x", Action.COMPLETE, assignment_id=str(uuid4()), **wrong)
    await world.reads()
    assert await world.acted() == []
    assert await world.quarantined() == [(deed.source_id, "INVALID_NEWS")]


@pytest.mark.parametrize(
    "word", ["a\x00b", "half \ud83d of it", "x" * 5_000, "คำที่ยาวมาก" * 500], ids=ascii
)
async def test_hostile_words_stop_nobody(world: World, word: str) -> None:
    delivery = sample_delivery()
    record = await world.carried(delivery)
    for field in ("source_id", "agency_record_id", "assignment_id", "reason_code", "reached_by"):
        world.agency.does("y", Action.ACCEPT, **{field: f"{word}{field}"})
    for field in ("actor",):
        world.agency.does(record, Action.ACCEPT, **{field: word})
    world.agency.does(record, Action.ACCEPT, outcomes=(word,), losses=(word,))
    world.agency.completes(record)
    await world.reads()
    told = await world.acted()
    assert (delivery.assignment_id, COMPLETE) in told
    assert {assignment for assignment, _ in told} == {delivery.assignment_id}


async def test_two_long_ids_that_begin_alike_are_two(world: World) -> None:
    record = await world.carried(sample_delivery())
    for end in ("a", "b"):
        world.agency.does(record, Action.ACCEPT, source_id="x" * 5_000 + end)
    await world.reads()
    assert len(await world.acted()) == 2


@pytest.mark.parametrize("action", [Action.DECLINE, Action.HOLD, Action.FAIL, Action.REFUSE_CANCEL])
async def test_a_reason_that_is_missing_is_never_made_up(world: World, action: Action) -> None:
    record = await world.carried(sample_delivery())
    deed = world.agency.does(record, action)
    await world.reads()
    assert await world.acted() == []
    assert await world.quarantined() == [(deed.source_id, "UNKNOWN_REASON")]


# Adapters that do not behave.


class Endless(FakeAdapter):
    """Promises more, and gives the same place to read on from."""

    async def fetch(self, cursor: str) -> Page:
        return Page((), cursor, more=True)


class Hostile(FakeAdapter):
    """Hands on a cursor that no store takes."""

    async def fetch(self, cursor: str) -> Page:
        return Page((), "a\x00b")


class Pushing(FakeAdapter):
    """Gets everything pushed."""

    async def fetch(self, cursor: str) -> Page:
        return Page((), cursor)

    def listener(self, inbound: Inbound) -> None:
        self.inbound = inbound


def reading(world: World, adapter: FakeAdapter) -> None:
    world.reader._adapter = adapter


async def test_a_page_that_leads_nowhere_is_not_asked_for_again_at_once(world: World) -> None:
    reading(world, Endless(world.agency))
    assert await world.reader.read_once() is False


async def test_a_cursor_that_no_store_takes_is_refused_and_no_crash(world: World) -> None:
    reading(world, Hostile(world.agency))
    with pytest.raises(PermanentError, match="BAD_CURSOR"):
        await world.reader.read_once()


async def test_where_everything_is_pushed_a_fast_deed_is_told_at_the_next_look(
    world: World,
) -> None:
    reading(world, Pushing(world.agency))
    delivery = sample_delivery()
    world.agency.loses_the_reply()
    record = await world.carried(delivery)
    await world.reader.accept([world.agency.accepts(record)])
    world.passes(seconds=1)
    await world.carries()
    await world.reads()
    assert await world.acted() == [(delivery.assignment_id, ACCEPT)]
