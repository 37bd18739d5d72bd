"""`songtor demo`: the scenario, against the hub that runs, or one that is started for it.

A hub of its own is a process beside this one. Should that be killed, it is started again in the
same folder, and the demo's clients go on asking under the same keys.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from sandbox.demo.client import DemoError
from sandbox.demo.runner import play
from sandbox.hub.running import Running, usual_folder
from sandbox.supervisor.state import StateFolder

UP_WITHIN = 120.0
STOP_GRACE = 10.0


async def run(data: Path | None) -> int:
    """Play, and return the exit status."""
    running = Running.from_folder(StateFolder(data or usual_folder()))
    if running is not None:
        try:
            return 0 if await play(running) else 1
        except DemoError as error:
            return _give_up(error)
    folder = data or _temporary_folder()
    try:
        async with HubProcess(folder) as hub:
            return 0 if await play(await hub.up()) else 1
    except (HubProcessError, DemoError) as error:
        return _give_up(error)
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _give_up(error: Exception) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"the demo gave up: {error}")
    return 1


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="songtor-demo-"))
    folder.chmod(0o711)  # PostgreSQL may have to enter it as another user
    return folder


class HubProcessError(RuntimeError):
    """The hub could not be started."""


class HubProcess:
    """`songtor up` as a child, started again when somebody kills it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> HubProcess:
        self._process = await self._start()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_GRACE):
                    await self._process.wait()

    async def up(self) -> Running:
        """Wait until everything is up."""
        async with asyncio.timeout(UP_WITHIN):
            while True:
                running = Running.from_folder(StateFolder(self._folder))
                if running is not None:
                    return running
                if self._keeper is not None and self._keeper.done():
                    raise HubProcessError("the hub could not be started; what it said stands above")
                await asyncio.sleep(0.05)

    async def _keep(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            if code >= 0:
                return  # it ended by itself, and has said why
            self._process = await self._start()

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", "up", "--data", str(self._folder),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
