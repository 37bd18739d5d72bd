"""Opening the parts of one service in a test, on the servers of the session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from mesh import migrate, topology
from mesh.database import Database
from mesh.messaging import Bus, connect
from mesh.topology import Durable, Stream

SERVICES = Path(__file__).parent.parent / "services"


def driver_url(address: str) -> str:
    """Return a database address with our driver named."""
    return address.replace("postgresql://", "postgresql+asyncpg://", 1)


@asynccontextmanager
async def open_database(
    address: str, schema: str, migrations: Path | None = None
) -> AsyncIterator[Database]:
    """Provision and migrate `schema` in an empty database, and open it under the service's role.

    `address` is the superuser's; `migrations` defaults to the service of that name.
    """
    admin = driver_url(address)
    await migrate.provision(admin, {schema: "test"})
    await migrate.upgrade(admin, schema, migrations or SERVICES / schema / "migrations")
    _, _, place = admin.rpartition("@")
    database = Database(f"postgresql+asyncpg://songtor_{schema}:test@{place}", schema=schema)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_bus(
    address: str, streams: Sequence[Stream] = (), durables: Sequence[Durable] = ()
) -> AsyncIterator[Bus]:
    """Connect without TLS and make the streams and consumers named."""
    bus = await connect(address, None)
    try:
        await topology.apply(bus.jetstream, streams, durables, replicas=1)
        yield bus
    finally:
        await bus.close()
