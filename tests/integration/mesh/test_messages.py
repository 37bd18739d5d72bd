"""A message's whole way: outbox, broker, inbox, effect, also when something breaks on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from mesh.consumer import Consumer
from mesh.database import Transaction
from mesh.errors import InvalidArgumentError, UnavailableError, UnknownOutcomeError
from mesh.messaging import Event, Message
from mesh.topology import Durable, apply
from tests.integration.mesh.things import DURABLE, STREAM, World, effect, open_world
from tests.plumbing import open_bus
from tests.waiting import until


@pytest_asyncio.fixture
async def world(database: str, nats_server: str) -> AsyncIterator[World]:
    async with (
        open_bus(nats_server, [STREAM], [DURABLE]) as bus,
        open_world(database, bus) as opened,
    ):
        yield opened


async def test_what_a_transaction_announces_has_one_effect(world: World) -> None:
    bodies = [f"a{n:03}" for n in range(700)]
    await world.tell(*bodies)
    await world.shows("a", *bodies)


async def test_a_rollback_announces_nothing(world: World) -> None:
    async def change_ones_mind() -> None:
        async with world.database.transaction() as tx:
            await world.outbox.append(tx, [Event(uuid4(), "thing.v1.happened", b"b1")])
            raise InvalidArgumentError("changed my mind")

    with pytest.raises(InvalidArgumentError):
        await change_ones_mind()
    await world.tell("b2")
    await world.shows("b", "b2")


async def test_announcing_the_same_event_twice_is_announcing_it_once(world: World) -> None:
    same = Event(uuid4(), "thing.v1.happened", b"h1")
    for _ in range(2):
        async with world.database.transaction() as tx:
            await world.outbox.append(tx, [same])
    await world.shows("h", "h1")


async def test_publishing_twice_does_no_harm(world: World) -> None:
    """Not even when the broker has forgotten which ids it took before."""
    await world.tell("c1")
    await world.shows("c", "c1")
    await world.bus.jetstream.delete_stream("THING")
    await apply(world.bus.jetstream, [STREAM], [DURABLE], replicas=1)
    async with world.database.transaction() as tx:
        await tx.change("UPDATE outbox SET state = 0")
    await world.tell("c2")
    await world.shows("c", "c1", "c2")


async def test_a_passing_failure_is_tried_again_with_one_effect(world: World) -> None:
    world.reader.failures = [UnavailableError("away", reason="AWAY"), RuntimeError("who knows")]
    await world.tell("d1", "d2")
    await world.shows("d", "d1", "d2")


async def test_an_unknown_outcome_is_asked_for_again_and_not_parked(world: World) -> None:
    world.reader.failures = [UnknownOutcomeError("no answer", reason="DEADLINE_EXCEEDED")]
    await world.tell("u1")
    await world.shows("u", "u1")
    assert await world.parked() == []


async def test_an_effect_whose_commit_went_unnoticed_is_not_repeated(world: World) -> None:
    """The message comes again, to us or to another: it was claimed with its effect."""
    ended = asyncio.Event()

    async def handle(tx: Transaction, messages: Sequence[Message]) -> None:
        await world.reader.handle(tx, messages)

        def die() -> None:
            ended.set()
            raise ConnectionResetError

        if not ended.is_set():
            tx.after_commit(die)

    lane = Durable("reader-dying", "THING", ("thing.v1.dying",))
    await apply(world.bus.jetstream, [], [lane], replicas=1)
    consumer = Consumer(world.database, world.bus, lane, handle, world.clock)
    task = asyncio.create_task(consumer.run())
    await world.tell("i1", subject="thing.v1.dying")
    # Its other reader, who has it under a name of its own.
    await until(ended.is_set)
    await world.tell("i2", subject="thing.v1.dying")
    await world.shows("i", "i1", "i1", "i2", "i2")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_poison_is_parked_and_holds_nobody_back(world: World) -> None:
    world.reader.poison = {b"e2"}
    await world.tell("e1", "e2", "e3")
    await world.shows("e", "e1", "e3")
    await until(lambda: _is_parked(world))
    assert await world.parked() == ["POISON"]


async def test_two_workers_share_what_comes_and_do_each_thing_once(world: World) -> None:
    lane = Durable("reader-shared", "THING", ("thing.v1.shared",))
    await apply(world.bus.jetstream, [], [lane], replicas=1)
    done: dict[str, list[str]] = {"one": [], "two": []}
    both = asyncio.Event()

    def worker(name: str) -> Consumer:
        async def handle(tx: Transaction, messages: Sequence[Message]) -> None:
            bodies = [message.payload.decode() for message in messages]
            rows = [{"message_id": uuid4(), "body": f"w-{body}"} for body in bodies]
            await tx.insert(effect, rows)
            done[name] += bodies
            if all(done.values()):
                both.set()
            # Whoever is first waits for the other to have had something too.
            async with asyncio.timeout(10):
                await both.wait()

        return Consumer(world.database, world.bus, lane, handle, world.clock, batch=4)

    tasks = [asyncio.create_task(worker(name).run()) for name in done]
    bodies = [f"{n:03}" for n in range(200)]
    await world.tell(*bodies, subject="thing.v1.shared")
    await world.shows("w-", *(f"w-{body}" for body in bodies))
    assert sorted(done["one"] + done["two"]) == bodies
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_losing_the_brokers_store_loses_nothing(world: World) -> None:
    await world.tell("f1")
    await world.shows("f", "f1")
    js = world.bus.jetstream
    # Published and acknowledged by the broker, then lost before any reader saw it.
    await js.delete_consumer("THING", DURABLE.name)
    await world.tell("f2", "f3")
    await until(world.is_published)
    await js.delete_stream("THING")
    await apply(js, [STREAM], [DURABLE], replicas=1)
    world.clock.advance(timedelta(seconds=61))
    await world.relay.reconcile_all()
    await world.shows("f", "f1", "f2", "f3")
    world.clock.advance(timedelta(seconds=61))
    await until(world.is_published)
    await world.relay.reconcile_all()
    assert {state for _, state in await world.states()} == {2}


async def _is_parked(world: World) -> bool:
    return bool(await world.parked())
