"""One child process: how it is started, how it is known to be ready, how it is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.nursery import Born, Nursery

Probe = Callable[[], Awaitable[bool]]

LEASH = Path(__file__).with_name("leash.py")
POLL_SECONDS = 0.02
TAIL_LINES = 12


class ProcessError(RuntimeError):
    """A child did not become ready. The message names it and ends with its last log lines."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run. `ready` is asked again and again until it answers yes."""

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Probe
    module: str = ""
    """Python module that `command` runs with -m, so that a nursery may start it instead."""
    arguments: tuple[str, ...] = ()
    """What follows the module in `command`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    uid: int = -1
    gid: int = -1


def python_process(
    name: str,
    module: str,
    *arguments: str,
    log: Path,
    ready: Probe,
    environment: Mapping[str, str],
) -> ProcessSpec:
    """Return the spec of `python -m module arguments` under this interpreter."""
    return ProcessSpec(
        name=name,
        command=(sys.executable, "-m", module, *arguments),
        log=log,
        ready=ready,
        module=module,
        arguments=arguments,
        environment=environment,
    )


def base_environment() -> dict[str, str]:
    """Return our own environment without SONGTOR_*: a child gets only what its spec says."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SONGTOR_")}


def log_tail(log: Path) -> str:
    """Return the last lines of a child's log, for the person who must find out what went wrong."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-TAIL_LINES:])


class Child:
    """A running `ProcessSpec`, in a process group of its own so that Ctrl-C reaches only us."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process | Born) -> None:
        self.spec = spec
        self.started_at = time.monotonic()
        self._process = process

    @classmethod
    async def spawn(cls, spec: ProcessSpec, nursery: Nursery | None = None) -> Child:
        """Start `spec` now; call from the main thread, whose death is what the leash watches."""
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        environment = base_environment() | dict(spec.environment)
        if spec.module and nursery is not None:
            born = await nursery.bear(
                (spec.module, *spec.arguments),
                environment=environment,
                log=spec.log,
                death_signal=int(spec.stop_signal),
            )
            if born is not None:
                return cls(spec, born)
        numbers = (int(spec.stop_signal), os.getpid(), spec.uid, spec.gid)
        leash = (sys.executable, "-I", "-S", str(LEASH), *(str(number) for number in numbers))
        with spec.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *leash,
                *spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=spec.folder,
                start_new_session=True,
            )
        return cls(spec, process)

    @property
    def pid(self) -> int:
        """Return its process id, which is its group's id too."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it ends by itself or by somebody's hand."""
        return await self._process.wait()

    async def wait_ready(self, limit: float) -> None:
        """Wait until its probe says yes; raise ProcessError when it ends or `limit` passes."""
        deadline = time.monotonic() + limit
        while not await self.spec.ready():
            if self.exit_code is not None:
                raise ProcessError(self._story(f"ended with {self.exit_code} before it was ready"))
            if time.monotonic() > deadline:
                raise ProcessError(self._story(f"was not ready after {limit:g} s"))
            await asyncio.sleep(POLL_SECONDS)
        if self.exit_code is not None:  # somebody else answers on its port
            raise ProcessError(self._story(f"ended with {self.exit_code}, yet its port answers"))

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to its whole group; nothing happens when it has already ended."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def stop(self, grace: float) -> int:
        """Ask it to end, and after `grace` seconds make it."""
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                # Only the leader: a server stops its own workers, in its own order.
                os.kill(self.pid, self.spec.stop_signal)
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return await self.wait()

    def _story(self, what: str) -> str:
        return f"{self.spec.name} {what}; see {self.spec.log}\n{log_tail(self.spec.log)}"
