"""Runs one stand-in: HTTP interface, admin interface, the player and what else it brings."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
import uvloop
from starlette.types import ASGIApp

from mesh.clock import Clock, open_clock
from mesh.config import host_port
from sandbox.standins import ledger
from sandbox.standins.admin import app_of
from sandbox.standins.agency import Agency, Background
from sandbox.standins.player import Player
from sandbox.standins.script import Script
from sandbox.standins.settings import StandinSettings
from sandbox.standins.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """What a stand-in is built from."""

    store: Store
    clock: Clock


Made = tuple[Agency, Sequence[Background]]
Build = Callable[[Parts], Made]


def run(settings: StandinSettings, name: str, schema: str, build: Build) -> None:
    """Run the stand-in that `build` makes until SIGTERM or SIGINT."""
    uvloop.run(_serve(settings, name, schema, build))


async def _serve(settings: StandinSettings, name: str, schema: str, build: Build) -> None:
    store = Store(settings.standin_data / f"{name}.sqlite3", ledger.SCHEMA + schema)
    try:
        if settings.standin_script is not None:
            at_start = Script.model_validate_json(settings.standin_script.read_bytes())
            await store.write(lambda tx: ledger.set_script_at_start(tx, at_start))
        clock = open_clock(settings.clock_file)
        agency, background = build(Parts(store, clock))
        player = Player(store, agency, clock, settings.standin_pace)
        app = app_of(
            agency,
            store,
            player,
            token=settings.standin_token,
            record=settings.standin_record,
        )
        await serve(app, settings, name, (player, *background))
    finally:
        store.close()


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, which stops everything else as well."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: ASGIApp, settings: StandinSettings, name: str, background: Sequence[Background]
) -> None:
    """Serve `app`, run `background` beside it, and print one line when both are up."""
    host, port = host_port(settings.listen)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
    )
    socket = config.bind_socket()
    # From here on callers wait instead of being refused; `ready` may be said before uvicorn is up.
    socket.listen(2048)
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    async with _beside(background):
        address = "{}:{}".format(*socket.getsockname()[:2])
        said = {"event": "ready", "name": name, "listen": address}
        print(json.dumps(said), flush=True)  # noqa: T201 - who started the program reads it
        await server.serve(sockets=[socket])


@asynccontextmanager
async def _beside(background: Sequence[Background]) -> AsyncIterator[None]:
    """Run `background` while the block runs; an error in it ends the program loudly."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each.run()) for each in background]
        yield
        for task in tasks:
            task.cancel()
