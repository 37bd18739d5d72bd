"""How long a whole country takes into force and into a replica: `python -m bench.registry_import`.

Over gRPC and a durable PostgreSQL. The floor is the bare rows: the same inserts and their commit,
without the wire, the checks, the digest and the release around them.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import grpc.aio
import structlog

from bench.machine import describe
from directory.decide import Decider
from directory.places.names import areas
from directory.releasing import import_units
from directory.replica import Replica
from mesh import migrate, rpc
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.outbox import Outbox
from policies import reader
from sandbox.national import national_units
from sandbox.servers.postgres import PostgresServer
from services.registry import servicer, storage
from services.registry.current import Current
from services.registry.domain.faults import Codes
from services.registry.releases import Importer
from services.registry.rota import Rota
from services.registry.servicer import RegistryServicer
from services.registry.storage import Release
from songtor.registry.v1 import registry_pb2_grpc

MIGRATIONS = Path(servicer.__file__).parent / "migrations"
SERVE = "--serve"
SCHEMAS = {"registry": "bench", "floor": "bench"}


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that PostgreSQL may enter, whoever it has to run as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def databases() -> AsyncIterator[tuple[str, Database]]:
    """Run a PostgreSQL and yield the address of the registry's database, and the floor's."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        server = PostgresServer(folder / "postgres", log=folder / "log")
        await server.start()
        stack.push_async_callback(server.stop)
        admin = server.url(scheme="postgresql+asyncpg")
        await migrate.provision(admin, SCHEMAS)
        urls = {}
        for schema, password in SCHEMAS.items():
            await migrate.upgrade(admin, schema, MIGRATIONS)
            place = admin.rpartition("@")[2]
            urls[schema] = f"postgresql+asyncpg://songtor_{schema}:{password}@{place}"
        bare = Database(urls["floor"], schema="floor")
        stack.push_async_callback(bare.close)
        yield urls["registry"], bare


@asynccontextmanager
async def registry(url: str) -> AsyncIterator[grpc.aio.Channel]:
    """Serve the registry in a process of its own, as it runs, and yield a channel to it."""
    serving = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.registry_import", SERVE, url, stdout=asyncio.subprocess.PIPE
    )
    if serving.stdout is None:
        raise RuntimeError("the registry's process cannot be heard")
    try:
        while not (line := await serving.stdout.readline()).startswith(SERVE.encode()):
            if not line:
                raise RuntimeError("the registry's process ended at once")
        async with grpc.aio.insecure_channel(line.split()[1].decode()) as channel:
            yield channel
    finally:
        serving.terminate()
        await serving.wait()


async def serve(url: str) -> None:
    """Be that process, until it is ended."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    database = Database(url, schema="registry")
    policies, clock, current = reader.load(), SystemClock(), Current(database)
    codes = Codes(policies, areas(), allow_synthetic=True)
    importer = Importer(database, Outbox(clock, "bench"), codes, clock)
    server = rpc.server(None, servicer.ALLOWED)
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(
        RegistryServicer(current, Decider(policies), importer, Rota(database, clock)), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(SERVE, f"127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


async def import_seconds(channel: grpc.aio.Channel, *, change: bool = False) -> float:
    """Return how long one import takes, from the first byte to the commit's answer."""
    units = national_units()
    if change:
        units = tuple(replace(unit, hours="24x7") for unit in units)
    started = time.perf_counter()
    await import_units(channel, units, author="bench", reason="measuring")
    return time.perf_counter() - started


async def floor_seconds(database: Database) -> float:
    """Return how long the bare rows take."""
    started = time.perf_counter()
    async with database.transaction() as tx:
        now = SystemClock().now()
        release = Release(1, "", len(national_units()), now, "bench", "measuring")
        await storage.add_release(tx, release)
        await storage.begin_units(tx, national_units(), 1)
    return time.perf_counter() - started


async def replica_seconds(channel: grpc.aio.Channel) -> float:
    """Return how long a new replica takes until it can answer."""
    replica = Replica(channel, SystemClock())
    started = time.perf_counter()
    running = asyncio.create_task(replica.run())
    await replica.loaded.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return time.perf_counter() - started


async def measure() -> dict[str, object]:
    """Return everything, as one line will show it."""
    async with databases() as (url, bare), registry(url) as channel:
        floor = await floor_seconds(bare)
        first = await import_seconds(channel)
        return {
            "bench": "registry_import",
            "units": len(national_units()),
            "first_import_seconds": round(first, 2),
            "same_again_seconds": round(await import_seconds(channel), 2),
            "all_changed_seconds": round(await import_seconds(channel, change=True), 2),
            "replica_seconds": round(await replica_seconds(channel), 2),
            "floor_seconds": round(floor, 2),
            "times_the_floor": round(first / floor, 2),
            "machine": describe(),
        }


def main(arguments: Sequence[str]) -> None:
    """Measure, or be the registry that is measured."""
    if arguments[:1] == [SERVE]:
        asyncio.run(serve(arguments[1]))
    else:
        print(json.dumps(asyncio.run(measure())))


if __name__ == "__main__":
    main(sys.argv[1:])
