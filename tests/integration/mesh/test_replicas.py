"""Two processes under one identity, as replicas are: what is one's is not the other's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest_asyncio
from nats.aio.msg import Msg

from mesh.messaging import Bus, Event
from mesh.topology import apply
from tests.integration.mesh.things import DURABLE, STREAM
from tests.plumbing import open_bus


@pytest_asyncio.fixture
async def replicas(nats_server: str) -> AsyncIterator[tuple[Bus, Bus]]:
    async with open_bus(nats_server) as one, open_bus(nats_server) as two:
        for stream in await one.jetstream.streams_info():
            await one.jetstream.delete_stream(stream.config.name or "")
        await apply(one.jetstream, [STREAM], [DURABLE], replicas=1)
        yield one, two


def events(count: int, subject: str) -> list[Event]:
    return [Event(uuid4(), subject, b"%d" % number) for number in range(count)]


async def test_ones_acknowledgement_is_not_taken_for_the_others(
    replicas: tuple[Bus, Bus],
) -> None:
    one, two = replicas

    async def ignore(_: Msg) -> None:
        """Hear it and say nothing, so that not even the broker answers."""

    await one.subscribe("nobody.v1.answers", ignore)
    nowhere, there = await asyncio.gather(
        one.publish(events(50, "nobody.v1.answers"), timeout=0.5),
        two.publish(events(50, "thing.v1.happened")),
    )
    assert nowhere == [None] * 50
    assert sorted(sequence or 0 for sequence in there) == list(range(1, 51))


async def test_a_message_goes_to_one_of_them(replicas: tuple[Bus, Bus]) -> None:
    pullers = [await bus.pull(DURABLE, batch=8) for bus in replicas]
    await replicas[0].publish(events(100, "thing.v1.happened"))
    came: list[Msg] = []

    async def take(number: int) -> None:
        while len(came) < 100:
            for message in await pullers[number].next():
                came.append(message)
                await message.ack()

    tasks = [asyncio.create_task(take(number)) for number in range(2)]
    async with asyncio.timeout(20):
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for puller in pullers:
        await puller.stop()
    assert sorted(int(message.data) for message in came) == list(range(100))


async def test_two_pullers_of_one_process_do_not_hear_each_other(
    replicas: tuple[Bus, Bus],
) -> None:
    bus, _ = replicas
    one, two = [await bus.pull(DURABLE, batch=8) for _ in range(2)]
    hearing = [asyncio.create_task(puller.next()) for puller in (one, two)]
    await asyncio.sleep(0)
    await bus.publish(events(1, "thing.v1.happened"))
    async with asyncio.timeout(10):
        done, waiting = await asyncio.wait(hearing, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == len(waiting) == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await one.stop()
    await two.stop()
