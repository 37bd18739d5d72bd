"""One adapter's ledger on a real PostgreSQL, its agency in memory, and routing's part by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import asyncpg
import protovalidate
from nats.aio.msg import Msg

from adapters.sdk import Delivery
from adapters.sdk.carrier import Carrier
from adapters.sdk.reader import Reader
from adapters.sdk.samples import request_bytes, sample_delivery
from adapters.sdk.topology import schema
from mesh.clock import ManualClock
from mesh.database import Database
from mesh.messaging import Message
from mesh.outbox import Outbox
from songtor.routing.v1 import events_pb2
from tests.fakes.agency import FakeAdapter, FakeAgency
from tests.plumbing import open_database
from tests.waiting import until

AGENCY = "testing"
MIGRATIONS = Path(__file__).parents[3] / "adapters" / "sdk" / "migrations"
_TABLES = (
    "delivery",
    "case_order",
    "reading",
    "quarantine",
    "loss",
    "outbox",
    "inbox",
    "parked_message",
)


def case(numbers: int, **changes: Any) -> list[Delivery]:
    """Return so many deliveries of one new case, in the order of their numbers."""
    case_id = str(uuid4())
    return [
        sample_delivery(case_id=case_id, case_seq=number, **changes)
        for number in range(1, numbers + 1)
    ]


def message(payload: bytes) -> Message:
    """Return a message as the consumer hands it over."""
    return Message(uuid4(), f"delivery.v1.{AGENCY}.0", payload, {}, 1, cast(Msg, None))


@dataclass
class World:
    """What the tests of the SDK speak to."""

    agency: FakeAgency
    database: Database
    admin: asyncpg.Connection
    outbox: Outbox
    clock: ManualClock
    carrier: Carrier
    reader: Reader
    timeout: float = 5.0

    def another_carrier(self, *, timeout: float | None = None, concurrency: int = 8) -> Carrier:
        """Return a second worker on the same ledger."""
        return Carrier(
            AGENCY,
            FakeAdapter(self.agency),
            self.database,
            self.outbox,
            self.clock,
            concurrency=concurrency,
            timeout=timeout or self.timeout,
        )

    def another_reader(self) -> Reader:
        """Return a reader that remembers nothing but what is stored."""
        return Reader(
            AGENCY, FakeAdapter(self.agency), self.database, self.outbox, self.clock, pause=0.01
        )

    async def asks(self, *deliveries: Delivery) -> None:
        """Let routing ask for these, as one batch, in this order."""
        await self.takes(*(request_bytes(delivery) for delivery in deliveries))

    async def takes(self, *payloads: bytes) -> None:
        """Hand over a batch of messages."""
        async with self.database.transaction() as tx:
            await self.carrier.take(tx, [message(payload) for payload in payloads])

    async def carries(self) -> int:
        """Carry until nothing is due; return how many attempts that took."""
        attempts = 0
        async with asyncio.timeout(20):
            while begun := await self.carrier.carry_once():
                attempts += begun
        return attempts

    async def carried(self, delivery: Delivery) -> str:
        """Ask for it, carry it, and return the record that the agency made of it."""
        await self.asks(delivery)
        await self.carries()
        return self.agency.record_of(delivery)

    async def reads(self) -> None:
        """Read until the agency has no more."""
        async with asyncio.timeout(20):
            while await self.reader.read_once():
                continue

    def passes(self, **time: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**time))

    async def state_of(self, delivery: Delivery) -> tuple[str, str]:
        """Return the state and the reason in the ledger."""
        row = await self.admin.fetchrow(
            "SELECT state, reason FROM delivery WHERE delivery_id = $1", UUID(delivery.delivery_id)
        )
        assert row is not None
        return row["state"], row["reason"]

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Return rows of the ledger."""
        return [tuple(row) for row in await self.admin.fetch(statement)]

    async def news(self) -> list[events_pb2.AgencyUpdate]:
        """Return what was announced, in order; each as valid as routing wants it."""
        rows = await self.admin.fetch("SELECT event_id, subject, payload FROM outbox ORDER BY id")
        told = []
        for row in rows:
            update = events_pb2.AgencyUpdate.FromString(row["payload"])
            assert row["subject"] == f"inbound.v1.{AGENCY}"
            assert str(row["event_id"]) == update.update_id
            assert protovalidate.collect_violations(update) == []
            told.append(update)
        return told

    async def told(self, kind: events_pb2.UpdateKind.ValueType) -> list[str]:
        """Return the deliveries that news of this kind is about."""
        return [update.delivery_id for update in await self.news() if update.kind == kind]

    async def delivered(self) -> list[str]:
        """Return the deliveries that routing is told of as delivered."""
        return await self.told(events_pb2.UPDATE_KIND_DELIVERED)

    async def parked(self) -> list[tuple[str, str]]:
        """Return the deliveries that routing is told of as parked, with the reason."""
        return [
            (update.delivery_id, update.reason_code)
            for update in await self.news()
            if update.kind == events_pb2.UPDATE_KIND_PARKED
        ]

    async def acted(self) -> list[tuple[str, int]]:
        """Return the assignments and actions that routing is told of."""
        return [
            (update.assignment_id, update.action)
            for update in await self.news()
            if update.kind == events_pb2.UPDATE_KIND_ACTED
        ]

    async def quarantined(self) -> list[tuple[str, str]]:
        """Return what could not be understood, with the reason."""
        rows = await self.admin.fetch("SELECT source_id, reason FROM quarantine ORDER BY number")
        return [(row["source_id"], row["reason"]) for row in rows]

    @asynccontextmanager
    async def running(self, *carriers: Carrier) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
        """Run workers for ever, until the block ends."""
        tasks = [asyncio.create_task(carrier.run()) for carrier in carriers or (self.carrier,)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def comes_to(self, delivery: Delivery, state: str) -> None:
        """Wait until the ledger has it in this state."""

        async def there() -> bool:
            return (await self.state_of(delivery))[0] == state

        await until(there)


@asynccontextmanager
async def open_ledger(address: str) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """Open the ledger under the adapter's role, and beside it as the superuser."""
    name = schema(AGENCY)
    async with open_database(address, name, MIGRATIONS) as database:
        admin = await asyncpg.connect(address, server_settings={"search_path": name})
        try:
            yield database, admin
        finally:
            await admin.close()


@asynccontextmanager
async def open_world(ledger: tuple[Database, asyncpg.Connection]) -> AsyncIterator[World]:
    """Return an adapter whose ledger is empty."""
    database, admin = ledger
    await admin.execute(f"TRUNCATE {', '.join(_TABLES)}")
    clock = ManualClock(datetime(2026, 4, 13, 12, tzinfo=UTC))
    agency, outbox = FakeAgency(), Outbox(clock, "test")
    adapter = FakeAdapter(agency)
    carrier = Carrier(AGENCY, adapter, database, outbox, clock, concurrency=8, timeout=5.0)
    reader = Reader(AGENCY, adapter, database, outbox, clock, pause=0.01)
    yield World(agency, database, admin, outbox, clock, carrier, reader)
