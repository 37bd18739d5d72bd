"""An adapter whole: asked over the broker, carried, acted on, and told over the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID

import protovalidate
import pytest_asyncio

from adapters.sdk import Delivery
from adapters.sdk.samples import request_bytes, sample_delivery
from adapters.sdk.topology import durable, news
from mesh.consumer import Consumer
from mesh.messaging import Bus, Event, Puller
from mesh.outbox import Relay
from mesh.topology import Durable, Stream, apply
from songtor.routing.v1 import events_pb2, routing_pb2
from tests.integration.sdk.world import AGENCY, World, case
from tests.plumbing import open_bus
from tests.waiting import until

STREAMS = [
    Stream("DELIVERY", ("delivery.v1.>",), max_bytes=64 * 1024**2),
    Stream("INBOUND", ("inbound.v1.>",), max_bytes=64 * 1024**2),
]
ROUTING = Durable("routing-inbound", "INBOUND", ("inbound.v1.>",))
DELIVERED, ACTED = events_pb2.UPDATE_KIND_DELIVERED, events_pb2.UPDATE_KIND_ACTED


@dataclass
class Routing:
    """The other end: asks for deliveries, and keeps what it is told."""

    bus: Bus
    puller: Puller
    told: list[events_pb2.AgencyUpdate] = field(default_factory=list)

    async def asks(self, *deliveries: Delivery) -> None:
        events = [
            Event(
                UUID(delivery.delivery_id),
                f"delivery.v1.{AGENCY}.{number % 4}",
                request_bytes(delivery),
            )
            for number, delivery in enumerate(deliveries)
        ]
        assert None not in await self.bus.publish(events)

    async def listens(self) -> None:
        while True:
            for message in await self.puller.next():
                assert message.subject == f"inbound.v1.{AGENCY}"
                update = events_pb2.AgencyUpdate.FromString(message.data)
                assert protovalidate.collect_violations(update) == []
                self.told.append(update)
                await message.ack()

    def heard(self, kind: events_pb2.UpdateKind.ValueType) -> list[str]:
        return [update.assignment_id for update in self.told if update.kind == kind]


class Adapter:
    """The loops of an adapter's process."""

    def __init__(self, world: World, bus: Bus) -> None:
        relay = Relay(world.database, bus, world.outbox.written, world.clock, [news(AGENCY)])
        carrier = world.another_carrier()
        consumer = Consumer(world.database, bus, durable(AGENCY), carrier.take, world.clock)
        reader = world.another_reader()
        self._tasks = [
            asyncio.create_task(loop)
            for loop in (relay.run(), consumer.run(), carrier.run(), reader.run())
        ]

    async def dies(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest_asyncio.fixture
async def bus(nats_server: str) -> AsyncIterator[Bus]:
    async with open_bus(nats_server) as opened:
        for stream in await opened.jetstream.streams_info():
            await opened.jetstream.delete_stream(stream.config.name or "")
        await apply(opened.jetstream, STREAMS, [durable(AGENCY), ROUTING], replicas=1)
        yield opened


@pytest_asyncio.fixture
async def routing(nats_server: str, bus: Bus) -> AsyncIterator[Routing]:
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(open_bus(nats_server))
        there = Routing(own, await own.pull(ROUTING, batch=64))
        listening = asyncio.create_task(there.listens())
        yield there
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_what_routing_asks_for_is_carried_and_what_the_agency_does_is_told(
    world: World, bus: Bus, routing: Routing
) -> None:
    adapter = Adapter(world, bus)
    deliveries = [delivery for _ in range(5) for delivery in case(3)]
    # Another lane, another order: the broker promises none.
    await routing.asks(*reversed(deliveries))
    await until(lambda: len(routing.heard(DELIVERED)) >= 15)
    for delivery in deliveries:
        world.agency.accepts(world.agency.record_of(delivery))
    await until(lambda: len(routing.heard(ACTED)) >= 15)
    await adapter.dies()
    assert sorted(world.agency.tried) == sorted(item.delivery_id for item in deliveries)
    assert all(world.agency.order_of(item.case_id) == [1, 2, 3] for item in deliveries)
    wanted = sorted(item.assignment_id for item in deliveries)
    assert sorted(routing.heard(DELIVERED)) == sorted(routing.heard(ACTED)) == wanted
    assert {item.action for item in routing.told if item.kind == ACTED} == {
        routing_pb2.ACTION_ACCEPT
    }


async def test_an_adapter_that_dies_in_the_middle_loses_and_doubles_nothing(
    world: World, bus: Bus, routing: Routing
) -> None:
    deliveries = [sample_delivery() for _ in range(12)]
    for delivery in deliveries[:6]:
        world.agency.keeps_waiting(delivery.case_id)
    adapter = Adapter(world, bus)
    await routing.asks(*deliveries)
    # Six have had their effect, and nobody was told; it dies with them on its hands.
    await until(lambda: len(world.agency.opened) == 12)
    await until(lambda: len(routing.heard(DELIVERED)) == 6)
    await adapter.dies()
    world.passes(seconds=60)
    adapter = Adapter(world, bus)
    await until(lambda: len(routing.heard(DELIVERED)) == 12)
    await adapter.dies()
    assert sorted(world.agency.tried) == sorted(item.delivery_id for item in deliveries)
    assert len(set(routing.heard(DELIVERED))) == 12


async def test_asked_twice_by_the_broker_it_carries_once(
    world: World, bus: Bus, routing: Routing
) -> None:
    adapter = Adapter(world, bus)
    first, second = case(2)
    await routing.asks(first)
    await until(lambda: routing.heard(DELIVERED) == [first.assignment_id])
    # The broker has lost its store, and routing asks for everything again.
    await bus.jetstream.delete_stream("DELIVERY")
    await apply(bus.jetstream, STREAMS, [durable(AGENCY)], replicas=1)
    await routing.asks(first, second)
    await until(lambda: len(routing.heard(DELIVERED)) == 2)
    await adapter.dies()
    assert world.agency.tried == [first.delivery_id, second.delivery_id]
