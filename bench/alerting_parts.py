"""Alerting's parts on a durable PostgreSQL of their own, for what is measured of it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from directory.model import Snapshot
from mesh import migrate
from mesh.clock import Clock
from mesh.database import Database
from mesh.outbox import Outbox
from policies.calendar import open_hours
from policies.reader import load
from sandbox.national import national_units
from sandbox.servers.postgres import PostgresServer
from services.alerting import calendars, storage
from services.alerting.commands import Engine

MIGRATIONS = Path(storage.__file__).parent / "migrations"
POLICIES = load()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a measurement drives."""

    database: Database
    engine: Engine
    snapshot: Snapshot
    admin: str
    """The superuser's address, without a driver's name."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that PostgreSQL may enter, whoever it has to run as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def open_alerting(clock: Clock) -> AsyncIterator[Parts]:
    """Run a durable PostgreSQL and build alerting on it, with the national directory."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        postgres = PostgresServer(folder / "postgres", log=folder / "log")
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        admin = postgres.url(scheme="postgresql+asyncpg")
        await migrate.provision(admin, {"alerting": "bench"})
        await migrate.upgrade(admin, "alerting", MIGRATIONS)
        place = admin.rpartition("@")[2]
        database = Database(
            f"postgresql+asyncpg://songtor_alerting:bench@{place}", schema="alerting"
        )
        stack.push_async_callback(database.close)
        snapshot = Snapshot.of(1, national_units())
        hours, keys = calendars.versions(open_hours(POLICIES))
        engine = Engine(
            POLICIES,
            hours,
            lambda: snapshot,
            Outbox(clock, "songtor/alerting"),
            asyncio.Event(),
            calendar_keys=keys,
        )
        yield Parts(database, engine, snapshot, postgres.url())
