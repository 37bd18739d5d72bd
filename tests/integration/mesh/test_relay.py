"""The relay: urgent first, nobody held back, and nothing called confirmed that nobody confirmed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from mesh.errors import UnavailableError
from mesh.messaging import Event
from mesh.topology import Durable, apply
from tests.integration.mesh.things import DURABLE, STREAM, World, open_world
from tests.plumbing import open_bus
from tests.waiting import until

ABSENT = Durable("absent-things", "THING", ("thing.v1.absent",))


@pytest_asyncio.fixture
async def world(database: str, nats_server: str) -> AsyncIterator[World]:
    async with open_bus(nats_server) as bus:
        for stream in await bus.jetstream.streams_info():
            await bus.jetstream.delete_stream(stream.config.name or "")
        await apply(bus.jetstream, [STREAM], [DURABLE], replicas=1)
        async with open_world(database, bus) as opened:
            yield opened


async def stop_relaying(world: World) -> None:
    """Take the relay's place: it is called by hand from here on."""
    world.relaying.cancel()


async def bodies(world: World) -> list[bytes]:
    """Return what the stream holds, in its order."""
    js = world.bus.jetstream
    last = (await js.stream_info("THING")).state.last_seq
    return [(await js.get_msg("THING", seq)).data or b"" for seq in range(1, last + 1)]


async def test_an_emergency_does_not_wait_behind_a_backlog(world: World) -> None:
    await stop_relaying(world)
    async with world.database.transaction() as tx:
        backlog = [Event(uuid4(), "thing.v1.happened", b"later") for _ in range(20)]
        urgent = Event(uuid4(), "thing.v1.happened", b"now", priority=0)
        await world.outbox.append(tx, [*backlog, urgent])
    assert await world.relay.publish_once() == (21, 21)
    assert (await bodies(world))[0] == b"now"


async def test_an_event_that_the_broker_never_takes_holds_nobody_back(world: World) -> None:
    async with world.database.transaction() as tx:
        await world.outbox.append(
            tx,
            [
                Event(uuid4(), "thing.v1.large", b"x" * 1_100_000, priority=0),
                # Just below the limit alone, and above it with its headers.
                Event(uuid4(), "thing.v1.large", b"x" * 1_048_500, priority=0),
                Event(uuid4(), "thing v1 blank", b"", priority=0),
                Event(uuid4(), "nobody.v1.listens", b"", priority=0),
                Event(uuid4(), "thing.v1.happened", b"k1"),
            ],
        )
    await world.shows("k", "k1")
    await world.tell("k2")
    await world.shows("k", "k1", "k2")
    states = [state for _, state in await world.states()]
    assert states == [0, 0, 0, 0, 1, 1]
    assert world.bus.connected


async def test_publishing_nothing_is_no_error(world: World) -> None:
    assert await world.bus.publish([]) == []


async def test_a_stream_without_readers_confirms_nothing(world: World) -> None:
    await world.tell("l1")
    await world.shows("l", "l1")
    await until(world.is_published)
    await world.bus.jetstream.delete_consumer("THING", DURABLE.name)
    world.clock.advance(timedelta(seconds=61))
    with pytest.raises(UnavailableError) as raised:
        await world.relay.reconcile_all()
    assert raised.value.reason == "NO_READERS"
    assert [state for _, state in await world.states()] == [1]


async def test_a_stream_that_is_gone_confirms_nothing(world: World) -> None:
    await world.tell("m1")
    await world.shows("m", "m1")
    await until(world.is_published)
    await world.bus.jetstream.delete_stream("THING")
    world.clock.advance(timedelta(seconds=61))
    with pytest.raises(UnavailableError):
        await world.relay.reconcile_all()
    assert [state for _, state in await world.states()] == [1]


async def test_a_reader_that_is_away_keeps_its_own_rows_and_no_others(world: World) -> None:
    js = world.bus.jetstream
    await apply(js, [], [ABSENT], replicas=1)
    await world.tell("n1", subject="thing.v1.absent")
    await world.tell("n2")
    await world.shows("n", "n1", "n2")
    await until(world.is_published)
    world.clock.advance(timedelta(seconds=61))
    await world.relay.reconcile_all()
    assert await world.states() == [("thing.v1.absent", 1), ("thing.v1.happened", 2)]
    # It is asked again as long as it is away, and the others go on.
    for _ in range(2):
        world.clock.advance(timedelta(seconds=61))
        await world.relay.reconcile_all()
    assert await world.states() == [("thing.v1.absent", 1), ("thing.v1.happened", 2)]


async def test_what_is_young_is_not_asked_about(world: World) -> None:
    await world.tell("o1")
    await until(world.is_published)
    world.clock.advance(timedelta(seconds=59))
    assert await world.relay.reconcile_once() == 0
