"""Intake on a real broker: its announcements leave, and news of referrals arrives once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest_asyncio

from mesh.consumer import Consumer
from mesh.messaging import Bus, Event
from mesh.outbox import Relay
from mesh.topology import Stream
from services.intake.consumers import ReferralsHeard
from services.intake.topology import DURABLES, REFERRALS, STREAMS
from songtor.intake.v1 import events_pb2
from tests.integration.intake.desk import Desk, assignment
from tests.plumbing import open_bus
from tests.samples import CANARIES, submission

# Routing's own, of which intake reads.
REFERRAL = Stream("REFERRAL", ("assignment.v1.>", "milestone.v1.>", "referral.v1.>"))


@dataclass
class Wire:
    desk: Desk
    bus: Bus


@pytest_asyncio.fixture(scope="module")
async def wire(desk: Desk, nats_server: str) -> AsyncIterator[Wire]:
    async with open_bus(nats_server, [*STREAMS, REFERRAL], DURABLES) as bus:
        relay = Relay(desk.database, bus, asyncio.Event(), desk.clock, STREAMS)
        handler = ReferralsHeard(desk.clock).handle
        consumer = Consumer(desk.database, bus, REFERRALS, handler, desk.clock)
        tasks = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run())]
        yield Wire(desk, bus)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_case_is_announced_on_its_lane_without_a_word_that_identifies(wire: Wire) -> None:
    heard = await wire.bus.jetstream.subscribe("case.v1.reported.crisis", ordered_consumer=True)
    receipt = await wire.desk.receipt(submission(urgency="URGENCY_CRISIS"))
    message = await heard.next_msg(timeout=10)
    event = events_pb2.CaseReported.FromString(message.data)
    assert event.scope.case_id == receipt.case_id
    said = message.data + repr(message.headers).encode()
    assert not [word for word in CANARIES if word.encode() in said]


async def test_news_heard_twice_count_once(wire: Wire) -> None:
    receipt = await wire.desk.receipt(submission())
    task = uuid4()
    subject, event = assignment(receipt, task, "accepted", 2)
    news = Event(uuid4(), subject, event.SerializeToString())
    await wire.bus.publish([news])
    async with asyncio.timeout(10):
        while await wire.desk.status(receipt) != "helping":
            continue
    assert (await wire.desk.identity(task)).people
    # As after a crash between the effect and its acknowledgement: the broker's own window is
    # passed by with another message id, and the inbox's by the assignment's version.
    await wire.bus.publish([Event(uuid4(), subject, event.SerializeToString())])
    other = await wire.desk.receipt(submission())
    last = assignment(other, uuid4(), "accepted", 1)
    await wire.bus.publish([Event(uuid4(), last[0], last[1].SerializeToString())])
    async with asyncio.timeout(10):
        while await wire.desk.status(other) != "helping":
            continue
    leaves = await wire.desk.rows(
        "SELECT 1 FROM audit_leaf WHERE action = 'identity_access'"
        " AND facts->>'assignment_id' = :task",
        task=str(task),
    )
    assert len(leaves) == 1
