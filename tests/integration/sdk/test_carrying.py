"""Deliveries into an agency's system: each once, in order within its case, nobody held back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from adapters.sdk import Delivery, DeliveryKind, ledger
from adapters.sdk.samples import request_bytes, sample_delivery
from songtor.routing.v1 import events_pb2
from tests.integration.sdk.world import World, case
from tests.waiting import until

LEASE = 60


async def attempts_and_dies(world: World, *deliveries: Delivery) -> None:
    """Let a worker claim these, and be killed before it wrote what became of them."""
    async with world.database.transaction() as tx:
        claimed = await ledger.claim(
            tx, now=world.clock.now(), lease=timedelta(seconds=15), limit=len(deliveries)
        )
    assert {str(item.delivery_id) for item in claimed} == {item.delivery_id for item in deliveries}


# Once.


async def test_a_delivery_is_carried_once_and_its_receipt_told(world: World) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    assert await world.carries() == 1
    assert world.agency.opened == [delivery.delivery_id]
    (told,) = await world.news()
    assert told.kind == events_pb2.UPDATE_KIND_DELIVERED
    assert told.assignment_id == delivery.assignment_id
    assert told.agency_record_id == world.agency.record_of(delivery)
    assert await world.state_of(delivery) == ("delivered", "")


async def test_asking_again_for_what_was_carried_does_nothing(world: World) -> None:
    delivery = sample_delivery()
    await world.asks(delivery, delivery)
    await world.carries()
    await world.asks(delivery)
    assert await world.carries() == 0
    assert world.agency.tried == [delivery.delivery_id]
    assert len(await world.news()) == 1


async def test_two_workers_carry_each_delivery_once(world: World) -> None:
    deliveries = [sample_delivery() for _ in range(60)]
    await world.asks(*deliveries)
    async with world.running(world.carrier, world.another_carrier()):
        await until(lambda: len(world.agency.tried) >= 60)
        for delivery in deliveries:
            await world.comes_to(delivery, "delivered")
    assert sorted(world.agency.tried) == sorted(item.delivery_id for item in deliveries)
    assert sorted(await world.delivered()) == sorted(item.delivery_id for item in deliveries)


async def test_what_the_agency_has_no_place_for_is_recorded(world: World) -> None:
    world.agency.losses = ("need_summary", "people.groups")
    delivery = sample_delivery()
    await world.carried(delivery)
    (told,) = await world.news()
    assert list(told.losses) == ["need_summary", "people.groups"]
    assert await world.rows("SELECT delivery_id::text, fields::text FROM loss") == [
        (delivery.delivery_id, '["need_summary", "people.groups"]')
    ]


# In order.


async def test_the_order_of_a_case_is_kept_when_its_messages_come_out_of_order(
    world: World,
) -> None:
    first, second, third = case(3)
    await world.asks(third)
    await world.carries()
    assert world.agency.files == []
    await world.asks(second, first)
    await world.carries()
    assert world.agency.order_of(first.case_id) == [1, 2, 3]
    assert await world.delivered() == [item.delivery_id for item in (first, second, third)]


async def test_the_next_of_a_case_waits_until_the_one_before_is_delivered(world: World) -> None:
    first, second = case(2)
    await world.asks(first, second)
    world.agency.is_away()
    await world.carries()
    assert world.agency.tried == [first.delivery_id]
    world.agency.is_back()
    world.passes(minutes=10)
    await world.carries()
    assert world.agency.order_of(first.case_id) == [1, 2]


async def test_a_slow_answer_holds_back_its_own_case_and_no_other(world: World) -> None:
    slow, after_it = case(2)
    world.agency.keeps_waiting(slow.case_id)
    async with world.running():
        await world.asks(slow, after_it)
        await until(lambda: slow.delivery_id in world.agency.tried)
        others = case(2) + case(1)
        await world.asks(*others)
        for other in others:
            await world.comes_to(other, "delivered")
        assert (await world.state_of(slow))[0] == "attempting"
        world.agency.answers(slow.case_id)
        await world.comes_to(after_it, "delivered")
    assert world.agency.order_of(slow.case_id) == [1, 2]


async def test_no_more_than_the_agencys_credit_is_under_way(world: World) -> None:
    deliveries = [sample_delivery() for _ in range(20)]
    for delivery in deliveries:
        world.agency.keeps_waiting(delivery.case_id)
    await world.asks(*deliveries)
    async with world.running():
        await until(lambda: len(world.agency.tried) == 8)
        world.carrier._something.set()
        await world.database.ping()
        assert len(world.agency.tried) == 8
        for delivery in deliveries:
            world.agency.answers(delivery.case_id)
        await until(lambda: len(world.agency.tried) == 20)


async def test_an_emergency_goes_before_a_crisis_and_a_crisis_before_the_rest(
    world: World,
) -> None:
    normal, crisis, urgent = (
        sample_delivery(urgency=urgency) for urgency in ("normal", "crisis", "urgent")
    )
    emergency = sample_delivery(urgency="normal", ess_cause="threat")
    await world.asks(normal, urgent, crisis, emergency)
    one_at_a_time = world.another_carrier(concurrency=1)
    async with asyncio.timeout(20):
        while await one_at_a_time.carry_once():
            continue
    expected = [emergency, crisis, urgent, normal]
    assert world.agency.tried == [delivery.delivery_id for delivery in expected]


# When it surely was not done.


async def test_what_surely_was_not_done_is_tried_again_after_a_pause(world: World) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    world.agency.is_away()
    assert await world.carries() == 1
    assert await world.state_of(delivery) == ("pending", "AGENCY_AWAY")
    world.agency.is_back()
    assert await world.carries() == 0
    world.passes(seconds=1)
    assert await world.carries() == 1
    assert world.agency.opened == [delivery.delivery_id]
    assert world.agency.asked_for == []


async def test_an_agency_that_was_away_for_three_days_gets_everything(world: World) -> None:
    deliveries = [*case(3), *case(2)]
    await world.asks(*deliveries)
    world.agency.is_away()
    for _ in range(72):
        world.passes(hours=1)
        await world.carrier.carry_once()
    assert await world.news() == []
    world.agency.is_back()
    world.passes(minutes=6)
    await world.carries()
    assert sorted(world.agency.opened) == sorted(item.delivery_id for item in deliveries)
    assert await world.parked() == []


async def test_it_waits_as_long_as_the_agency_asks(world: World) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    world.agency.is_busy(retry_after=90)
    await world.carries()
    world.passes(seconds=89)
    assert await world.carries() == 0
    world.passes(seconds=2)
    assert await world.carries() == 1
    assert world.agency.opened == [delivery.delivery_id]


# When nobody knows whether it was done.


async def test_after_a_lost_reply_the_agency_is_asked_and_nothing_sent_again(
    world: World,
) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    world.agency.loses_the_reply()
    await world.carries()
    assert await world.state_of(delivery) == ("unknown", "NO_REPLY")
    assert await world.news() == []
    world.passes(seconds=1)
    await world.carries()
    assert world.agency.asked_for == [delivery.delivery_id]
    assert world.agency.opened == world.agency.tried == [delivery.delivery_id]
    assert await world.delivered() == [delivery.delivery_id]


async def test_what_is_surely_absent_is_sent_again(world: World) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    world.agency.loses_the_request()
    await world.carries()
    assert (await world.state_of(delivery))[0] == "unknown"
    world.passes(seconds=1)
    await world.carries()
    assert world.agency.asked_for == [delivery.delivery_id]
    assert world.agency.opened == [delivery.delivery_id]


async def test_where_nobody_can_be_asked_a_person_decides(world: World) -> None:
    first, second = case(2)
    await world.asks(first, second)
    world.agency.cannot_be_asked()
    world.agency.loses_the_reply()
    await world.carries()
    world.passes(seconds=1)
    await world.carries()
    world.passes(days=1)
    assert await world.carries() == 0
    assert world.agency.tried == [first.delivery_id]
    assert await world.parked() == [(first.delivery_id, "UNKNOWN_OUTCOME")]


async def test_it_stays_unknown_while_the_agency_that_must_be_asked_is_away(
    world: World,
) -> None:
    """Away when asked is not the same as surely not done: sending again would double it."""
    delivery = sample_delivery()
    await world.asks(delivery)
    world.agency.loses_the_reply()
    await world.carries()
    world.agency.is_away()
    for _ in range(3):
        world.passes(minutes=10)
        await world.carries()
        assert (await world.state_of(delivery))[0] == "unknown"
    world.agency.is_back()
    world.passes(minutes=10)
    await world.carries()
    assert world.agency.opened == world.agency.tried == [delivery.delivery_id]
    assert await world.delivered() == [delivery.delivery_id]


async def test_an_agency_that_never_answers_is_an_unknown_outcome(world: World) -> None:
    delivery = sample_delivery()
    world.agency.keeps_waiting(delivery.case_id)
    await world.asks(delivery)
    impatient = world.another_carrier(timeout=0.05)
    await impatient.carry_once()
    assert await world.state_of(delivery) == ("unknown", "TIMEOUT")
    world.agency.answers(delivery.case_id)
    world.passes(seconds=1)
    await world.carries()
    assert world.agency.opened == world.agency.tried == [delivery.delivery_id]


# When a worker dies.


@pytest.mark.parametrize("done", [True, False], ids=["after the call", "before the call"])
async def test_after_a_killed_worker_the_agency_is_asked_first(world: World, done: bool) -> None:
    delivery = sample_delivery()
    await world.asks(delivery)
    await attempts_and_dies(world, delivery)
    if done:
        await world.agency.receive(delivery)
    assert await world.carries() == 0
    world.passes(seconds=LEASE)
    await world.carries()
    assert world.agency.asked_for == [delivery.delivery_id]
    assert world.agency.opened == world.agency.tried == [delivery.delivery_id]
    assert await world.delivered() == [delivery.delivery_id]


async def test_a_worker_that_was_given_up_cannot_undo_what_its_successor_wrote(
    world: World,
) -> None:
    delivery = sample_delivery()
    world.agency.keeps_waiting(delivery.case_id)
    world.agency.loses_the_reply()
    await world.asks(delivery)
    late = asyncio.create_task(world.another_carrier().carry_once())
    await until(lambda: delivery.delivery_id in world.agency.opened)
    world.passes(seconds=LEASE)
    await world.carries()
    assert await world.state_of(delivery) == ("delivered", "")
    world.agency.answers(delivery.case_id)
    await late
    assert await world.state_of(delivery) == ("delivered", "")
    assert await world.delivered() == [delivery.delivery_id]
    assert world.agency.opened == [delivery.delivery_id]


async def test_nor_can_it_while_its_successor_is_at_work(world: World) -> None:
    """Its state is `attempting` as before: only the claim's own number tells them apart."""
    delivery = sample_delivery()
    world.agency.keeps_waiting(delivery.case_id)
    await world.asks(delivery)
    late = asyncio.create_task(world.another_carrier().carry_once())
    await until(lambda: delivery.delivery_id in world.agency.opened)
    world.passes(seconds=LEASE)
    await attempts_and_dies(world, delivery)
    world.agency.answers(delivery.case_id)
    await late
    assert await world.state_of(delivery) == ("attempting", "")
    assert await world.news() == []


async def test_workers_that_stop_leave_the_outcome_unknown_and_not_undone(world: World) -> None:
    delivery = sample_delivery()
    world.agency.keeps_waiting(delivery.case_id)
    async with world.running():
        await world.asks(delivery)
        await until(lambda: delivery.delivery_id in world.agency.opened)
    world.passes(seconds=LEASE)
    await world.carries()
    assert world.agency.tried == [delivery.delivery_id]
    assert await world.delivered() == [delivery.delivery_id]


async def test_a_worker_does_not_give_itself_up_when_the_clock_jumps(world: World) -> None:
    """Asked now, the agency might say "not there" of what is still on its way to it."""
    delivery = sample_delivery()
    world.agency.keeps_waiting(delivery.case_id)
    async with world.running():
        await world.asks(delivery)
        await until(lambda: delivery.delivery_id in world.agency.opened)
        world.passes(days=1)
        other = sample_delivery()
        await world.asks(other)
        await world.comes_to(other, "delivered")
        assert world.agency.asked_for == []
        world.agency.answers(delivery.case_id)
        await world.comes_to(delivery, "delivered")
    assert world.agency.tried == [delivery.delivery_id, other.delivery_id]


async def test_a_delivery_that_kills_its_workers_ends_with_a_person(world: World) -> None:
    poison, later = case(2)
    other = sample_delivery()
    await world.asks(poison, later)
    for _ in range(6):
        await attempts_and_dies(world, poison)
        world.passes(seconds=LEASE)
    await world.asks(other)
    await world.carries()
    assert await world.parked() == [(poison.delivery_id, "TOO_MANY_CRASHES")]
    assert world.agency.tried == [other.delivery_id]


async def test_an_answer_that_nobody_thought_of_is_loud_and_loses_no_other_outcome(
    world: World,
) -> None:
    odd, *others = [sample_delivery() for _ in range(4)]
    world.agency.confuses_the_adapter(odd)
    await world.asks(odd, *others)
    with pytest.raises(KeyError):
        await world.carrier.carry_once()
    assert sorted(await world.delivered()) == sorted(item.delivery_id for item in others)
    assert (await world.state_of(odd))[0] == "attempting"


# When it can never be done.


async def test_what_is_refused_is_parked_and_holds_back_its_own_case_alone(world: World) -> None:
    refused, later = case(2)
    other = case(2)
    world.agency.refuses("UNIT_CLOSED", case=refused.case_id)
    await world.asks(refused, *other, later)
    await world.carries()
    world.passes(days=2)
    await world.carries()
    assert await world.parked() == [(refused.delivery_id, "UNIT_CLOSED")]
    assert await world.delivered() == [item.delivery_id for item in other]
    assert (await world.state_of(later))[0] == "pending"
    assert world.agency.tried.count(refused.delivery_id) == 1


async def test_a_refusal_in_too_many_words_is_still_news(world: World) -> None:
    world.agency.refuses("X" * 500 + "\x00")
    await world.carried(sample_delivery())
    ((_, reason),) = await world.parked()
    assert reason == "X" * 48


async def test_a_message_that_is_no_delivery_is_parked_and_the_others_taken(world: World) -> None:
    good = sample_delivery()
    no_case = request_bytes(replace(sample_delivery(), case_id="not-an-id"))
    no_number = request_bytes(sample_delivery(case_seq=0))
    await world.takes(b"\xff\xff", no_case, request_bytes(good), no_number)
    await world.carries()
    assert await world.delivered() == [good.delivery_id]
    reasons = await world.rows("SELECT reason FROM parked_message")
    assert reasons == [("UNREADABLE",)] * 3


async def test_a_kind_of_tomorrow_waits_for_a_person(world: World) -> None:
    asked = events_pb2.DeliveryRequested.FromString(request_bytes(sample_delivery()))
    asked.kind = 99  # type: ignore[assignment]  # no kind of today
    await world.takes(asked.SerializeToString())
    await world.carries()
    assert await world.parked() == [(asked.delivery_id, "UNREADABLE")]


async def test_a_second_delivery_under_one_number_is_not_lost_in_silence(world: World) -> None:
    first = sample_delivery()
    double = sample_delivery(case_id=first.case_id, case_seq=first.case_seq)
    await world.asks(first)
    await world.asks(double, sample_delivery())
    await world.carries()
    assert len(world.agency.opened) == 2
    assert double.delivery_id not in world.agency.opened
    assert await world.rows("SELECT reason FROM parked_message") == [("NUMBER_TAKEN",)]


@pytest.mark.parametrize("record", ["a\x00b", "x" * 5_000, "half \ud83d of it"])
async def test_a_hostile_record_id_stops_nobody(world: World, record: str) -> None:
    delivery, after = case(2)
    world.agency.names_its_record(delivery, record)
    await world.asks(delivery, after)
    await world.carries()
    assert await world.delivered() == [delivery.delivery_id, after.delivery_id]
    world.agency.accepts(record)
    await world.reads()
    assert [assignment for assignment, _ in await world.acted()] == [delivery.assignment_id]


async def test_news_of_a_case_is_carried_like_an_offer(world: World) -> None:
    status = sample_delivery(kind=DeliveryKind.STATUS, status="accepted", report_id=str(uuid4()))
    await world.carried(status)
    assert [item.status for item in world.agency.files] == ["accepted"]


# At once.


async def test_what_arrives_is_carried_without_waiting_for_a_look(world: World) -> None:
    async with world.running():
        for _ in range(3):
            delivery = sample_delivery()
            await world.asks(delivery)
            await world.comes_to(delivery, "delivered")
    assert len(world.agency.opened) == 3
