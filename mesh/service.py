"""Run one process: open its parts, serve, and stop in order when told to or when a part dies."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any

import grpc.aio
import structlog
import uvloop

from mesh import telemetry
from mesh.clock import Clock, open_clock
from mesh.config import ProcessSettings
from mesh.consumer import Consumer, Handler
from mesh.database import Database
from mesh.errors import UnavailableError
from mesh.health import Check, HealthServer
from mesh.identity import Identity
from mesh.messaging import Bus, connect
from mesh.outbox import Outbox, Relay
from mesh.rpc import AllowList, channel, server
from mesh.topology import Durable, Stream

log = structlog.get_logger(__name__)


class Host:
    """The parts of one process. Whatever is opened here is closed in reverse order."""

    def __init__(self, name: str, settings: ProcessSettings, stack: AsyncExitStack) -> None:
        self.name = name
        self.settings = settings
        self.identity = Identity(settings.identity_dir)
        self.clock: Clock = open_clock(settings.clock_file)
        self.stack = stack
        self.checks: dict[str, Check] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def database(self, schema: str) -> Database:
        """Open the pool of this process's own schema; readiness then asks PostgreSQL."""
        database = Database(
            self.settings.database_url.get_secret_value(),
            schema=schema,
            pool_size=self.settings.database_pool_size,
        )
        self.stack.push_async_callback(database.close)
        self.checks["database"] = database.ping
        return database

    async def bus(self) -> Bus:
        """Connect to NATS; readiness then asks for the connection."""
        bus = await connect(self.settings.nats_url, self.identity)
        self.stack.push_async_callback(bus.close)

        async def connected() -> None:
            if not bus.connected:
                raise UnavailableError("no broker", reason="BROKER_UNAVAILABLE")

        self.checks["broker"] = connected
        return bus

    def channel(self, service: str) -> grpc.aio.Channel:
        """Open the channel to another service, kept for the process's life."""
        address: str = getattr(self.settings, f"{service}_address")
        opened = channel(address, self.identity, service=service)
        self.stack.push_async_callback(opened.close)
        return opened

    def outbox(self, database: Database, bus: Bus, streams: Sequence[Stream]) -> Outbox:
        """Return the outbox of `database` and keep its relay and its repair running."""
        box = Outbox(self.clock, source=f"songtor/{self.name}")
        relay = Relay(database, bus, box.written, self.clock, streams)
        self.spawn("relay", relay.run())
        self.spawn("reconcile", relay.reconcile())
        return box

    def consume(
        self, database: Database, bus: Bus, durable: Durable, handler: Handler, *, batch: int = 256
    ) -> None:
        """Keep `handler` reading `durable`."""
        consumer = Consumer(database, bus, durable, handler, self.clock, batch=batch)
        self.spawn(durable.name, consumer.run())

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run a loop beside the rest. It must not end: its end, or its error, ends the process."""
        self.tasks.append(asyncio.create_task(work, name=name))

    async def serve(
        self, allowed: AllowList, register: Callable[[grpc.aio.Server], Sequence[str]]
    ) -> grpc.aio.Server:
        """Serve gRPC where the settings say; `register` adds servicers and returns their names."""
        from mesh.probes import add_probes  # noqa: PLC0415 the gateway and adapters serve no gRPC

        grpc_server = server(self.identity, allowed)
        names = register(grpc_server)
        await add_probes(grpc_server, names, reflect=self.settings.env == "sandbox")
        grpc_server.add_secure_port(self.settings.listen, self.identity.server_credentials())
        await grpc_server.start()
        self.stack.push_async_callback(grpc_server.stop, self.settings.stop_grace_seconds)
        return grpc_server


Build = Callable[[Host], Awaitable[None]]


def run(name: str, settings: ProcessSettings, build: Build) -> None:
    """Run a process until SIGTERM or SIGINT; exits 1 when it cannot start or one of its loops dies.

    `build` opens parts on the host and returns; until then the process is alive and not ready. With
    `--check-config` among the arguments it stops after reading its settings.
    """
    if "--check-config" in sys.argv[1:]:
        return
    telemetry.configure(name, settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_run(name, settings, build))
    sys.exit(code)


async def _run(name: str, settings: ProcessSettings, build: Build) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        host = Host(name, settings, stack)
        health = await stack.enter_async_context(HealthServer(settings.health_listen, host.checks))
        stopped = asyncio.create_task(stop.wait())
        # Beside the wait for a signal: what is opened may wait for a server that never comes.
        built = asyncio.create_task(_build(build, host), name="start")
        await asyncio.wait([stopped, built], return_when=asyncio.FIRST_COMPLETED)
        if built.done() and not built.cancelled() and built.exception() is None:
            health.starting = False
            _spare_the_collector()
            log.info("started", port=health.port)
            await asyncio.wait([stopped, *host.tasks], return_when=asyncio.FIRST_COMPLETED)
        health.stopping = True
        code = _verdict(built, host.tasks)
        log.info("stopping", code=code)
        for task in (stopped, built, *host.tasks):
            task.cancel()
        await asyncio.gather(stopped, built, *host.tasks, return_exceptions=True)
    return code


def _spare_the_collector() -> None:
    """Take what was loaded at start out of every later garbage collection.

    It lives as long as the process. Walking it again and again cost the gateway a quarter of its
    time under load; what a request leaves in cycles can wait for a few thousand others.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _build(build: Build, host: Host) -> None:
    await build(host)


def _verdict(built: asyncio.Task[None], loops: Sequence[asyncio.Task[None]]) -> int:
    """Return 1 when starting failed or a loop ended by itself, and say which."""
    if built.done() and (built.cancelled() or built.exception() is not None):
        log.error("start_failed", exc_info=None if built.cancelled() else built.exception())
        return 1
    for task in loops:
        if task.done():
            error = None if task.cancelled() else task.exception()
            log.error("loop_ended", loop=task.get_name(), exc_info=error)
            return 1
    return 0
