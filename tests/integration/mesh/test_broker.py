"""The broker under a process's feet: away, killed, back; and what its grant lets a process do."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from mesh.errors import UnavailableError
from mesh.identity import DevelopmentAuthority, spiffe_id
from mesh.messaging import Bus, Event, connect
from mesh.topology import Durable, Grant, Stream, apply, grant, inbox_prefix, reconcile_subject
from sandbox.servers.nats import NatsAccess, NatsServer, TlsFiles
from tests.integration.mesh.things import DURABLE, STREAM, World, open_world
from tests.plumbing import open_bus
from tests.waiting import until

OTHER = Stream("OTHER", ("other.v1.>",), max_bytes=64 * 1024**2)
OTHERS = Durable("stranger-others", "OTHER", ("other.v1.>",))
WRITER, STRANGER = spiffe_id("service", "writer"), spiffe_id("adapter", "stranger")
GRANTS = [
    grant(WRITER, streams=[STREAM], durables=[DURABLE]),
    grant(STRANGER, streams=[OTHER], durables=[OTHERS]),
    Grant(spiffe_id("tool", "migrate"), ("$JS.API.>", "*.v1.>"), (">",)),
]


class Broker:
    """A NATS of the test's own, which it may kill."""

    def __init__(self, folder: Path, access: NatsAccess | None = None) -> None:
        self.server = NatsServer(folder, log=folder.with_suffix(".log"), access=access)
        self._pid = 0

    async def start(self) -> None:
        self._pid = (await self.server.start()).pid

    async def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        await self.server.stop()


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    own = Broker(tmp_path / "nats")
    await own.start()
    yield own
    await own.server.stop()


@pytest_asyncio.fixture
async def world(database: str, broker: Broker) -> AsyncIterator[World]:
    async with (
        open_bus(broker.server.url, [STREAM], [DURABLE]) as bus,
        open_world(database, bus) as opened,
    ):
        yield opened


def event(subject: str = "thing.v1.happened", body: bytes = b"x") -> Event:
    return Event(uuid4(), subject, body)


async def test_publishing_to_a_broker_that_is_away_is_never_a_success(
    broker: Broker, world: World
) -> None:
    await broker.kill()
    # At once, before the connection's end is noticed, nothing is known; after it, nobody is there.
    with suppress(UnavailableError):
        assert await world.bus.publish([event()], timeout=0.5) == [None]
    await until(lambda: not world.bus.connected)
    with pytest.raises(UnavailableError):
        await world.bus.publish([event()])
    with pytest.raises(UnavailableError):
        await world.bus.ask("reconcile.v1.nobody", b"", timeout=0.2)


async def test_after_a_killed_broker_is_back_everything_flows_again(
    broker: Broker, world: World
) -> None:
    await world.tell("a1")
    await world.shows("a", "a1")
    # The effect can be there before the relay has marked its row.
    await until(world.is_published)
    await broker.kill()
    await world.tell("a2", "a3")
    await until(lambda: not world.bus.connected)
    assert [state for _, state in await world.states()] == [1, 0, 0]
    await broker.start()
    async with asyncio.timeout(20):
        await world.shows("a", "a1", "a2", "a3")
        await world.tell("a4")
        await world.shows("a", "a1", "a2", "a3", "a4")


async def test_what_was_published_before_the_kill_and_not_yet_read_comes_after_it(
    database: str, broker: Broker
) -> None:
    came: list[Msg] = []
    async with (
        open_bus(broker.server.url, [STREAM], [DURABLE]) as bus,
        open_world(database, bus, reading=False) as world,
    ):
        await world.tell("b1", "b2")
        await until(world.is_published)
        await broker.kill()
        await broker.start()
        await until(lambda: bus.connected)
        puller = await bus.pull(DURABLE, batch=8)
        async with asyncio.timeout(10):
            while len(came) < 2:
                came += await puller.next()
        await puller.stop()
    assert sorted(message.data for message in came) == [b"b1", b"b2"]


async def test_a_killed_broker_that_lost_its_store_is_filled_again(
    broker: Broker, world: World, tmp_path: Path
) -> None:
    await world.tell("c1")
    await world.shows("c", "c1")
    world.reader.failures = [UnavailableError("away", reason="AWAY")] * 9
    await world.tell("c2")
    await until(world.is_published)
    await broker.kill()
    _delete(tmp_path / "nats" / "jetstream")
    world.reader.failures = []
    await broker.start()
    await until(lambda: world.bus.connected)
    world.clock.advance(timedelta(seconds=61))
    with pytest.raises(UnavailableError):
        await world.relay.reconcile_all()
    await apply(world.bus.jetstream, [STREAM], [DURABLE], replicas=1)
    await world.relay.reconcile_all()
    async with asyncio.timeout(10):
        await world.shows("c", "c1", "c2")


async def test_leaving_a_broker_that_is_away_is_no_error(broker: Broker) -> None:
    async with open_bus(broker.server.url) as bus:
        await broker.kill()
        await until(lambda: not bus.connected)
    assert not bus.connected


# What a certificate may say and hear.


@dataclass
class Guarded:
    """A broker that knows its users by their certificates."""

    authority: DevelopmentAuthority
    broker: Broker
    stack: AsyncExitStack
    heard: list[str] = field(default_factory=list)

    async def bus(self, kind: str, name: str) -> Bus:
        # It would try for ever.
        async with asyncio.timeout(20):
            bus = await connect(self.broker.server.url, self.authority.issue(kind, name))
        self.stack.push_async_callback(bus.close)
        return bus

    async def hear(self, bus: Bus, *subjects: str) -> None:
        async def note(message: Msg) -> None:
            self.heard.append(message.subject)

        for subject in subjects:
            await bus.subscribe(subject, note)
        await bus.client.flush()


@pytest_asyncio.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    authority = DevelopmentAuthority(tmp_path / "authority")
    own = authority.issue("service", "nats")
    access = NatsAccess(TlsFiles(own.ca_path, own.cert_path, own.key_path), GRANTS)
    broker = Broker(tmp_path / "nats", access)
    await broker.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(broker.server.stop)
        there = Guarded(authority, broker, stack)
        migrate = await there.bus("tool", "migrate")
        await apply(migrate.jetstream, [STREAM, OTHER], [DURABLE, OTHERS], replicas=1)
        yield there


async def test_under_its_grant_a_process_does_its_whole_work(
    database: str, guarded: Guarded
) -> None:
    bus = await guarded.bus("service", "writer")
    async with open_world(database, bus) as world:
        await world.tell("d1", "d2")
        await world.shows("d", "d1", "d2")
        await until(world.is_published)
        world.clock.advance(timedelta(seconds=61))
        await world.relay.reconcile_all()
        assert {state for _, state in await world.states()} == {2}


async def test_two_replicas_work_under_one_grant(guarded: Guarded) -> None:
    buses = [await guarded.bus("service", "writer") for _ in range(2)]
    answers = await asyncio.gather(*(bus.publish([event(), event()]) for bus in buses))
    assert sorted(sequence or 0 for answer in answers for sequence in answer) == [1, 2, 3, 4]


async def test_a_process_publishes_nothing_outside_its_grant(guarded: Guarded) -> None:
    stranger = await guarded.bus("adapter", "stranger")
    assert await stranger.publish([event(), event("other.v1.x")], timeout=1) == [None, 1]
    migrate = await guarded.bus("tool", "migrate")
    assert (await migrate.jetstream.stream_info("THING")).state.messages == 0


async def test_a_process_hears_nothing_outside_its_grant(guarded: Guarded) -> None:
    stranger = await guarded.bus("adapter", "stranger")
    writers = inbox_prefix(WRITER)
    await guarded.hear(stranger, "thing.v1.>", ">", f"{writers}.>", reconcile_subject(DURABLE.name))
    writer = await guarded.bus("service", "writer")
    assert await writer.publish([event()]) == [1]
    await guarded.hear(writer, reconcile_subject(DURABLE.name))
    migrate = await guarded.bus("tool", "migrate")
    assert (await migrate.jetstream.stream_info("THING")).state.messages == 1
    await stranger.client.flush()
    assert guarded.heard == []


async def test_a_process_pulls_from_no_other_durable(guarded: Guarded) -> None:
    writer = await guarded.bus("service", "writer")
    stranger = await guarded.bus("adapter", "stranger")
    await writer.publish([event()])
    puller = await stranger.pull(DURABLE, batch=1)
    pulling = asyncio.create_task(puller.next())
    await stranger.client.flush()
    own = await writer.pull(DURABLE, batch=1)
    async with asyncio.timeout(5):
        assert [message.data for message in await own.next()] == [b"x"]
    assert not pulling.done()
    pulling.cancel()
    await asyncio.gather(pulling, return_exceptions=True)


async def test_a_process_changes_no_stream_and_no_consumer(guarded: Guarded) -> None:
    for name in (("service", "writer"), ("adapter", "stranger")):
        bus = await guarded.bus(*name)
        for forbidden in ("STREAM.DELETE.THING", "STREAM.PURGE.THING", "STREAM.INFO.THING"):
            with pytest.raises(UnavailableError):
                await bus.ask(f"$JS.API.{forbidden}", b"", timeout=0.2)
    migrate = await guarded.bus("tool", "migrate")
    assert (await migrate.jetstream.consumer_info("THING", DURABLE.name)).name == DURABLE.name


async def test_who_has_no_grant_is_not_let_in(guarded: Guarded) -> None:
    joining = asyncio.create_task(guarded.bus("service", "nobody"))
    done, _ = await asyncio.wait([joining], timeout=1)
    assert not done or joining.exception() is not None
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)


def _delete(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
