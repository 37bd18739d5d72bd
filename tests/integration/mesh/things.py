"""One small writer and reader of messages, on real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import sqlalchemy as sa

from mesh.clock import ManualClock
from mesh.consumer import Consumer
from mesh.database import Database, Transaction
from mesh.errors import InvalidArgumentError
from mesh.messaging import Bus, Event, Message
from mesh.outbox import Outbox, Relay
from mesh.topology import Durable, Stream
from tests.plumbing import open_database
from tests.waiting import until

MIGRATIONS = Path(__file__).parent / "migrations"
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
    relaying: asyncio.Task[None]

    async def tell(self, *bodies: str, subject: str = "thing.v1.happened") -> list[UUID]:
        """Announce something in a transaction."""
        events = [Event(uuid4(), subject, body.encode()) for body in bodies]
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

    async def shows(self, prefix: str, *bodies: str) -> None:
        """Wait for these effects, and check that there are no others of the prefix."""

        async def enough() -> bool:
            return len(prefixed(prefix, await self.effects())) >= len(bodies)

        await until(enough)
        assert prefixed(prefix, await self.effects()) == sorted(bodies)

    async def states(self) -> list[tuple[str, int]]:
        """Return the subject and the state of every row of the outbox, in order."""
        async with self.database.transaction() as tx:
            rows = await tx.execute("SELECT subject, state FROM outbox ORDER BY id")
        return [(row["subject"], row["state"]) for row in rows]

    async def is_published(self) -> bool:
        """Say whether the broker has acknowledged all."""
        return all(state > 0 for _, state in await self.states())


def prefixed(prefix: str, bodies: list[str]) -> list[str]:
    return [body for body in bodies if body.startswith(prefix)]


@asynccontextmanager
async def open_world(database: str, bus: Bus, *, reading: bool = True) -> AsyncIterator[World]:
    """Run a relay, and a consumer unless told not to."""
    async with open_database(database, "plumbing", MIGRATIONS) as db:
        # What an earlier test of the module left is none of ours, and a service may not delete it.
        admin = await asyncpg.connect(database)
        for table in ("effect", "outbox", "inbox", "parked_message"):
            await admin.execute(f"TRUNCATE plumbing.{table}")
        await admin.close()
        clock = ManualClock(datetime(2026, 4, 13, 12, tzinfo=UTC))
        outbox, reader = Outbox(clock, "test"), Reader()
        relay = Relay(db, bus, outbox.written, clock, [STREAM])
        tasks = [asyncio.create_task(relay.run())]
        if reading:
            consumer = Consumer(db, bus, DURABLE, reader.handle, clock)
            tasks.append(asyncio.create_task(consumer.run()))
        yield World(db, bus, outbox, relay, reader, clock, tasks[0])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
