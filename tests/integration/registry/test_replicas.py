"""Copies of the directory: fresh while the registry is there, still there while it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio

from directory.replica import Replica
from mesh.clock import ManualClock
from mesh.config import host_port
from mesh.errors import UnavailableError
from tests.integration.registry.hall import CHIANG_MAI, START, Registry, open_registry
from tests.waiting import until

WITHOUT_ONE = CHIANG_MAI[1:]


@pytest_asyncio.fixture
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        await running.release(CHIANG_MAI)
        yield running


@asynccontextmanager
async def replica_of(
    address: str, clock: ManualClock, *, kept_in: Path | None = None
) -> AsyncIterator[Replica]:
    async with grpc.aio.insecure_channel(
        address, options=[("grpc.max_reconnect_backoff_ms", 200)]
    ) as channel:
        replica = Replica(channel, clock, kept_in=kept_in)
        running = asyncio.create_task(replica.run())
        try:
            yield replica
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def holds(replica: Replica, version: int) -> bool:
    try:
        return replica.current().version == version
    except UnavailableError:
        return False


async def test_it_loads_the_release_in_force_and_follows_the_next(registry: Registry) -> None:
    async with replica_of(registry.address, registry.clock) as replica:
        first = registry.current.release()
        await until(lambda: holds(replica, first.version))
        assert replica.current() == registry.current.snapshot()
        assert replica.age() == timedelta(0)
        second = await registry.release(WITHOUT_ONE)
        await until(lambda: holds(replica, second.version))
        assert replica.current().digest == second.digest
        assert CHIANG_MAI[0].id not in replica.current().units


async def test_before_the_first_snapshot_it_says_that_it_is_not_ready() -> None:
    async with replica_of("127.0.0.1:1", ManualClock(START)) as replica:
        with pytest.raises(UnavailableError):
            await replica.ready()


async def test_it_answers_while_the_registry_is_away_says_how_old_it_is_and_catches_up(
    database: str,
) -> None:
    clock = ManualClock(START)
    async with AsyncExitStack() as stack:
        async with open_registry(database) as first:
            await first.release(CHIANG_MAI)
            held = first.current.release()
            replica = await stack.enter_async_context(replica_of(first.address, clock))
            await until(lambda: holds(replica, held.version))
            _, port = host_port(first.address)
        await until(lambda: bool(clock.advance(timedelta(seconds=1)) and replica.age()))
        age = replica.age()
        clock.advance(timedelta(minutes=1))
        assert replica.age() == age + timedelta(minutes=1)
        assert replica.current().version == held.version
        second = await stack.enter_async_context(open_registry(database, port=port))
        release = await second.release(WITHOUT_ONE)
        await until(lambda: holds(replica, release.version))
        assert replica.age() == timedelta(0)


async def test_a_kept_snapshot_starts_a_process_while_the_registry_is_away(
    registry: Registry, tmp_path: Path
) -> None:
    kept = tmp_path / "directory"
    version = registry.current.release().version
    async with replica_of(registry.address, registry.clock, kept_in=kept) as replica:
        await until(lambda: holds(replica, version) and kept.exists())
    async with replica_of("127.0.0.1:1", registry.clock, kept_in=kept) as alone:
        await until(lambda: holds(alone, version))
        assert alone.current() == registry.current.snapshot()


async def test_what_one_registry_released_another_one_serves(
    registry: Registry, database: str
) -> None:
    async with open_registry(database) as other:
        released = await registry.release(WITHOUT_ONE)
        following = asyncio.create_task(other.current.follow(every=0.05))
        await until(lambda: other.current.release().version == released.version)
        following.cancel()
        assert other.current.snapshot() == registry.current.snapshot()


async def test_a_registry_that_stops_does_not_wait_for_those_who_watch(database: str) -> None:
    async with AsyncExitStack() as watching, AsyncExitStack() as running:
        registry = await running.enter_async_context(open_registry(database))
        await registry.release(CHIANG_MAI)
        replica = await watching.enter_async_context(replica_of(registry.address, registry.clock))
        await until(lambda: holds(replica, registry.current.release().version))
        # Ten seconds of grace are given to those who have not ended by themselves.
        async with asyncio.timeout(8):
            await running.aclose()


async def test_a_folder_that_cannot_be_written_costs_nothing_but_the_kept_file(
    registry: Registry, tmp_path: Path
) -> None:
    nowhere = tmp_path / "missing" / "directory"
    async with replica_of(registry.address, registry.clock, kept_in=nowhere) as replica:
        await replica.loaded.wait()
        released = await registry.release(WITHOUT_ONE)
        await until(lambda: holds(replica, released.version))
