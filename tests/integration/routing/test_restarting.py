"""A process dies between commit and acknowledgement, or the directory is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from mesh.consumer import read
from mesh.errors import UnavailableError
from tests.integration.routing.hub import (
    Hub,
    acted,
    case_in,
    durable,
    open_hub,
    reported,
)
from tests.waiting import until


@pytest_asyncio.fixture(scope="module")
async def idle(database: str, nats_server: str) -> AsyncIterator[Hub]:
    """Open a routing that reads nothing by itself."""
    async with open_hub(database, nats_server) as opened:
        yield opened


async def test_what_was_committed_but_not_acknowledged_has_one_effect(idle: Hub) -> None:
    event = reported("unready_pregnancy", source="agency:ngo")
    await idle.bus.publish([event])
    consumer = idle.consumers["routing-cases"]
    puller = await idle.bus.pull(durable("routing-cases"), batch=8)
    messages = [message for raw in await puller.next() if (message := read(raw))]
    await puller.stop()
    # The process commits and dies before it acknowledges.
    await consumer._effect(messages)
    before = await idle.subjects(case_in(event))
    idle.start()
    try:
        await until(lambda: acknowledged(idle, "routing-cases"))
        assert await idle.subjects(case_in(event)) == before
        row = await idle.only(case_in(event))
        news = acted("public_health", row["assignment_id"], "accept", at=idle.clock.now())
        await idle.say([news])
        assert (await idle.only(case_in(event)))["version"] == 2
    finally:
        await stop(idle)


async def test_before_the_directory_is_loaded_reports_wait_and_none_is_lost(idle: Hub) -> None:
    known = idle.directory.pop()
    missing = asyncio.Event()

    def nothing_yet() -> None:
        missing.set()
        raise UnavailableError("not loaded", reason="NO_DIRECTORY")

    idle.parts._directory = nothing_yet  # type: ignore[assignment]
    idle.start()
    try:
        event = reported("other")
        await idle.bus.publish([event])
        await asyncio.wait_for(missing.wait(), 10)
        assert await idle.assignments(case_in(event)) == []
        idle.parts._directory = lambda: known
        await idle.claimed([event.event_id])
        assert (await idle.only(case_in(event)))["unit_id"] == "SHELTER"
    finally:
        await stop(idle)


async def acknowledged(hub: Hub, name: str) -> bool:
    """Say whether nothing is under way between the broker and this durable."""
    info = await hub.bus.jetstream.consumer_info("CASE", name)
    return info.num_ack_pending == 0 and info.num_pending == 0


async def stop(hub: Hub) -> None:
    for task in hub.tasks:
        task.cancel()
    await asyncio.gather(*hub.tasks, return_exceptions=True)
    hub.tasks.clear()
