"""A message's whole way: outbox, broker, inbox, effect, also when something breaks on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest_asyncio
import sqlalchemy as sa

from mesh.clock import ManualClock
from mesh.consumer import Consumer
from mesh.database import Database, Transaction
from mesh.errors import InvalidArgumentError, UnavailableError
from mesh.messaging import Bus, Event, Message
from mesh.outbox import Outbox, Relay
from mesh.topology import Durable, Stream, apply
from tests.plumbing import open_bus, open_database
from tests.waiting import until

STREAM = Stream("THING", ("thing.v1.>",), max_bytes=64 * 1024**2)
DURABLE = Durable("reader-things", "THING", ("thing.v1.>",))
effect = sa.Table(
    "effect", sa.MetaData(), sa.Column("message_id", sa.Uuid), sa.Column("body", sa.Text)
)


@dataclass
class Reader:
    """Counts effects, and fails as told."""

    failures: list[Exception] = field(default_factory=list)
    poison: set[bytes] = field(default_factory=set)

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        await tx.insert(
            effect,
            [{"message_id": m.message_id, "body": m.payload.decode()} for m in messages],
        )
        if self.failures:
            raise self.failures.pop(0)
        if any(message.payload in self.poison for message in messages):
            raise InvalidArgumentError("bad", reason="POISON")


@dataclass
class World:
    database: Database
    bus: Bus
    outbox: Outbox
    relay: Relay
    reader: Reader
    clock: ManualClock

    async def tell(self, *bodies: str) -> list[UUID]:
        events = [Event(uuid4(), "thing.v1.happened", body.encode()) for body in bodies]
        async with self.database.transaction() as tx:
            await self.outbox.append(tx, events)
        return [event.event_id for event in events]

    async def effects(self) -> list[str]:
        async with self.database.transaction() as tx:
            rows = await tx.execute("SELECT body FROM effect ORDER BY body")
        return [row["body"] for row in rows]

    async def parked(self) -> list[str]:
        async with self.database.transaction() as tx:
            rows = await tx.execute("SELECT reason FROM parked_message")
        return [row["reason"] for row in rows]


@pytest_asyncio.fixture
async def world(database: str, nats_server: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(
            open_database(database, "plumbing", Path(__file__).parent / "migrations")
        )
        bus = await stack.enter_async_context(open_bus(nats_server, [STREAM], [DURABLE]))
        clock = ManualClock(datetime(2026, 4, 13, 12, tzinfo=UTC))
        outbox, reader = Outbox(clock, "test"), Reader()
        relay = Relay(db, bus, outbox.written, clock, [STREAM])
        consumer = Consumer(db, bus, DURABLE, reader.handle, clock)
        tasks = [asyncio.create_task(relay.run()), asyncio.create_task(consumer.run())]
        yield World(db, bus, outbox, relay, reader, clock)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def prefixed(prefix: str, bodies: list[str]) -> list[str]:
    return [body for body in bodies if body.startswith(prefix)]


async def test_what_a_transaction_announces_has_one_effect(world: World) -> None:
    await world.tell(*[f"a{n:03}" for n in range(700)])
    await until(lambda: _count(world, "a", 700))


async def test_a_rollback_announces_nothing(world: World) -> None:
    try:
        async with world.database.transaction() as tx:
            await world.outbox.append(tx, [Event(uuid4(), "thing.v1.happened", b"b1")])
            raise InvalidArgumentError("changed my mind")
    except InvalidArgumentError:
        pass
    await world.tell("b2")
    await until(lambda: _count(world, "b", 1))
    assert prefixed("b", await world.effects()) == ["b2"]


async def test_publishing_twice_does_no_harm(world: World) -> None:
    await world.tell("c1")
    await until(lambda: _count(world, "c", 1))
    async with world.database.transaction() as tx:
        await tx.change("UPDATE outbox SET state = 0, event_id = event_id")
    world.outbox.written.set()
    await world.tell("c2")
    await until(lambda: _count(world, "c", 2))
    assert prefixed("c", await world.effects()) == ["c1", "c2"]


async def test_a_passing_failure_is_tried_again_with_one_effect(world: World) -> None:
    world.reader.failures = [UnavailableError("away", reason="AWAY"), RuntimeError("who knows")]
    await world.tell("d1", "d2")
    await until(lambda: _count(world, "d", 2))
    assert prefixed("d", await world.effects()) == ["d1", "d2"]


async def test_poison_is_parked_and_holds_nobody_back(world: World) -> None:
    world.reader.poison = {b"e2"}
    await world.tell("e1", "e2", "e3")
    await until(lambda: _count(world, "e", 2))
    assert prefixed("e", await world.effects()) == ["e1", "e3"]
    assert await world.parked() == ["POISON"]


async def test_losing_the_brokers_store_loses_nothing(world: World) -> None:
    await world.tell("f1")
    await until(lambda: _count(world, "f", 1))
    js = world.bus.jetstream
    # Published and acknowledged by the broker, then lost before any reader saw it.
    await js.delete_consumer("THING", DURABLE.name)
    await world.tell("f2", "f3")
    await until(lambda: _published(world))
    await js.delete_stream("THING")
    await apply(js, [STREAM], [DURABLE], replicas=1)
    world.clock.advance(timedelta(seconds=61))
    await world.relay.reconcile_all()
    await until(lambda: _count(world, "f", 3))
    assert prefixed("f", await world.effects()) == ["f1", "f2", "f3"]
    world.clock.advance(timedelta(seconds=61))
    await until(lambda: _published(world))
    await world.relay.reconcile_all()
    async with world.database.transaction() as tx:
        rows = await tx.execute("SELECT count(*) AS n FROM outbox WHERE state <> 2")
    assert rows[0]["n"] == 0


async def _count(world: World, prefix: str, wanted: int) -> bool:
    return len(prefixed(prefix, await world.effects())) >= wanted


async def _published(world: World) -> bool:
    async with world.database.transaction() as tx:
        rows = await tx.execute("SELECT count(*) AS n FROM outbox WHERE state = 0")
    return rows[0]["n"] == 0
