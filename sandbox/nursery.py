"""Starts Python processes fast: one process imports what all of them import, then forks them.

Importing is most of what starting a service costs, and the hub starts some twenty at once. A child
born here is a process like any other: a session of its own, a child of the supervisor (not of the
nursery), named after its module, ended by the kernel when the supervisor goes. Linux only; without
it children are started the ordinary way.

Run as `python -m sandbox.nursery MODULE...`; orders come in as JSON lines, process ids go out.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import json
import os
import runpy
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
WARM = "warm\n"


class Nursery:
    """The supervisor's side."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, preload: Sequence[str], *, log: Path) -> Nursery | None:
        """Start importing; None where the kernel cannot make grandchildren our children."""
        if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
            return None
        if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
            return None
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sandbox.nursery",
                *preload,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        return cls(process)

    async def warm(self) -> bool:
        """Wait until everything is imported; False when it died of it."""
        return self._process.stdout is not None and (
            await self._process.stdout.readline() == WARM.encode()
        )

    async def bear(
        self,
        line: tuple[str, ...],
        *,
        environment: Mapping[str, str],
        log: Path,
        death_signal: int,
    ) -> Born | None:
        """Start `python -m` with `line`, a module and its arguments; None: the nursery is gone."""
        order = {
            "line": line,
            "environment": dict(environment),
            "log": str(log),
            "death_signal": death_signal,
            "parent": os.getpid(),
        }
        async with self._turn:
            if self._process.stdin is None or self._process.stdout is None:
                return None
            try:
                self._process.stdin.write(json.dumps(order).encode() + b"\n")
                answer = await self._process.stdout.readline()
            except ConnectionError:
                return None
        return Born(int(answer)) if answer else None

    async def close(self) -> None:
        """End the nursery; its children live on."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Born:
    """A child born in the nursery: what `asyncio.subprocess.Process` is to the others."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._handle = os.pidfd_open(pid)
        self._loop.add_reader(self._handle, self._reap)

    async def wait(self) -> int:
        """Wait until it ends and return how."""
        return await asyncio.shield(self._ended)

    def _reap(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set_result(self.returncode)


def main(preload: Sequence[str]) -> None:
    """Import, say so, and bear children until the supervisor hangs up."""
    for module in preload:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # for good: the collector would write into every shared page, again and again
    sys.stdout.write(WARM)
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        pid = _fork_twice()
        if pid == 0:
            _become(order)
            return
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


def _fork_twice() -> int:
    """Return the grandchild's id, or 0 in the grandchild, whom the supervisor then inherits."""
    ours, theirs = os.pipe()
    between = os.fork()
    if between == 0:
        grandchild = os.fork()
        if grandchild == 0:
            return 0
        os.write(theirs, str(grandchild).encode())
        os._exit(0)
    pid = int(os.read(ours, 32))
    os.waitpid(between, 0)
    os.close(ours)
    os.close(theirs)
    return pid


def _become(order: Mapping[str, Any]) -> None:
    """Turn this process into `python -m module`; what it raises ends the interpreter as usual."""
    os.setsid()
    while os.getppid() != order["parent"]:
        # The go-between has not ended yet. If the supervisor has, nobody needs us.
        if os.getppid() == 1 and order["parent"] != 1:
            os._exit(1)
        time.sleep(0.001)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, order["death_signal"])
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(order["environment"])
    _rename(order["line"])
    sys.argv = list(order["line"])
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _rename(line: Sequence[str]) -> None:
    """Show `python -m` with `line` in lists of processes, over the nursery's own command line."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    shown = b"\0".join(word.encode() for word in (sys.executable, "-m", *line))
    ctypes.memmove(start, shown[: end - start - 1].ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    main(sys.argv[1:])
