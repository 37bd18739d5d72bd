"""The registry as a test meets it: its gRPC, and a look behind the counter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc.aio

from directory.decide import Decider
from directory.model import Unit
from directory.places.names import areas
from directory.releasing import import_units
from mesh import rpc
from mesh.clock import ManualClock
from mesh.database import Database, Row
from mesh.outbox import Outbox
from policies import reader
from policies.model import Policies
from sandbox.national import national_units
from services.registry import storage
from services.registry.current import Current
from services.registry.domain.faults import Codes
from services.registry.releases import Importer
from services.registry.rota import Rota
from services.registry.servicer import ALLOWED, RegistryServicer
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc
from tests.plumbing import open_database

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICIES = reader.load()
# A small country: what stands in Chiang Mai, and the desks.
CHIANG_MAI = tuple(u for u in national_units() if u.province == "50" or u.tier)


@dataclass
class Registry:
    """One running registry. `stub` and `address` are its gRPC."""

    database: Database
    current: Current
    clock: ManualClock
    channel: grpc.aio.Channel
    stub: registry_pb2_grpc.RegistryServiceAsyncStub
    address: str

    async def release(self, units: Sequence[Unit]) -> registry_pb2.Release:
        """Import a directory."""
        return await import_units(
            self.channel,
            units,
            author="officer-1",
            reason="a test",
            approved_by="officer-2",
            override_reason="a test's country is small",
        )

    async def rows(self, statement: str) -> Sequence[Row]:
        """Look into the database."""
        async with self.database.transaction() as tx:
            return await tx.execute(statement)

    async def units_of(self, version: int) -> list[Unit]:
        """Return the units of a release, in the order of their ids."""
        async with self.database.transaction() as tx:
            rows = await storage.units_of(tx, version)
        return sorted(map(storage.unit_from, rows), key=lambda u: u.id)

    async def page(self, **fields: object) -> registry_pb2.ListUnitsResponse:
        """Ask for one page of units."""
        return await rpc.call(self.stub.ListUnits, registry_pb2.ListUnitsRequest(**fields))


@asynccontextmanager
async def open_registry(
    address: str, *, port: int = 0, policies: Policies = POLICIES
) -> AsyncIterator[Registry]:
    """Run a registry over `address` (the superuser's); a second one is another replica of it."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(address, "registry"))
        clock = ManualClock(START)
        current = Current(database)
        await current.refresh()
        importer = Importer(
            database,
            Outbox(clock, "songtor/registry"),
            Codes(policies, areas(), allow_synthetic=True),
            clock,
        )
        server = rpc.server(None, ALLOWED)
        registry_pb2_grpc.add_RegistryServiceServicer_to_server(
            RegistryServicer(current, Decider(policies), importer, Rota(database, clock)), server
        )
        port = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        stack.push_async_callback(server.stop, 10)
        stack.push_async_callback(current.close)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        yield Registry(database, current, clock, channel, stub, f"127.0.0.1:{port}")
