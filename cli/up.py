"""`songtor up`: the whole hub in the foreground."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from cli.status import addresses
from sandbox.hub.hub import Hub, Version
from sandbox.hub.running import Running, usual_folder
from sandbox.process import ProcessError
from sandbox.supervisor.state import AlreadyRunningError, StateFolder
from sandbox.supervisor.supervisor import Event, Happening
from sandbox.wide import print_whole

BANNER = "SANDBOX: every unit, person and message here is invented. Never for real reports."


class Teller:
    """Writes one line an event, with the time since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Write what a person wants to know; the beginnings of things are not it."""
        at = f"{time.monotonic() - self._began:6.1f} s"
        match event.what:
            case Happening.READY:
                self._console.print(f"{at}  {event.name} ready ({event.seconds:.1f} s)")
            case Happening.DIED:
                first_line = event.detail.partition("\n")[0]
                self._console.print(f"{at}  {event.name} died ({first_line}): starting it again")
            case _:
                pass

    def say(self, text: str) -> None:
        """Write a line of one's own."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {text}")


async def run(data: Path | None, *, demo: bool, pace: float | None) -> int:
    """Bring the hub up, serve until told to stop, take it down; return the exit status."""
    talk = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = StateFolder(data or usual_folder())
    try:
        folder.acquire()
    except AlreadyRunningError as error:
        return _already_running(folder, error, talk)
    except OSError as error:
        talk.print(f"cannot use {folder.path}: {error.strerror or error}\ngive another: --data DIR")
        return 1
    try:
        await folder.clear_leftovers()
        if data is None:
            _forget_last_time(folder.path)
        return await _serve(folder, talk, demo=demo, pace=pace)
    finally:
        if data is None:
            shutil.rmtree(folder.path, ignore_errors=True)
        folder.release()


async def _serve(folder: StateFolder, talk: Console, *, demo: bool, pace: float | None) -> int:
    tell = Teller(talk)
    stop = _stop_on_signals()
    hub = Hub(folder, look=_this_version, tell=tell, pace=pace)
    tell.say(f"starting in {folder.path}")
    starting = asyncio.create_task(hub.start())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return 0
        running = starting.result()
        tell.say("everything is up")
        print_whole(Console(), addresses(running))
        talk.print(f"\n{BANNER}\nCtrl-C stops it.")
        if demo:
            await _play(running, stopped, talk)
        await stopped
    except ProcessError as error:
        talk.print(f"could not start: {error}")
        return 1
    else:
        return 0
    finally:
        began = time.monotonic()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(starting, return_exceptions=True)
        again = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            again.add_signal_handler(number, hub.kill)
        await hub.stop()
        stopped.cancel()
        tell.say(f"stopped ({time.monotonic() - began:.1f} s)")


def _this_version() -> Version:
    # It imports every room: not before the servers are on their way.
    from cli.rollout import Rollout  # noqa: PLC0415

    return Rollout.of_this_version()


async def _play(running: Running, stopped: asyncio.Task[bool], talk: Console) -> None:
    """Play the demo beside the hub; a Ctrl-C ends both."""
    from sandbox.demo.client import DemoError  # noqa: PLC0415  (only --demo needs it)
    from sandbox.demo.runner import play  # noqa: PLC0415

    playing = asyncio.create_task(play(running))
    await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if playing.done():
        try:
            playing.result()
        except DemoError as error:
            talk.print(f"the demo gave up: {error}")
    else:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def _already_running(folder: StateFolder, error: AlreadyRunningError, talk: Console) -> int:
    talk.print(f"{error}; this one starts nothing.")
    running = Running.from_folder(folder)
    if running is None:
        talk.print("It is still starting.")
    else:
        print_whole(Console(), addresses(running))
    talk.print("Look closer: songtor status. Stop it: Ctrl-C where it runs.")
    return 0


def _forget_last_time(folder: Path) -> None:
    """Empty a temporary folder that a killed hub left, but for the lock, which is ours now."""
    for path in folder.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
