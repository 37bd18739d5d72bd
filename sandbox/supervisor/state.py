"""The folder of one hub on this machine: its lock, its ports, and what runs."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.ports import free_ports, is_free

LEFTOVER_GRACE = 3.0


class AlreadyRunningError(RuntimeError):
    """Another supervisor holds this folder."""

    def __init__(self, folder: Path, pid: int) -> None:
        super().__init__(f"a hub already runs in {folder} (process {pid})")
        self.pid = pid


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What is known about one supervised process; `born` tells a reused pid from ours."""

    name: str
    rank: str
    pid: int
    born: int | None
    status: str
    restarts: int
    log: str


def born(pid: int) -> int | None:
    """Return when `pid` started, in the kernel's ticks; None when it is gone or cannot be told."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class StateFolder:
    """Reads and writes the files of one hub. Only the holder of the lock may write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._lock: int | None = None

    def acquire(self) -> None:
        """Take the folder for this process; raise AlreadyRunningError when somebody holds it."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
        if self.path.stat().st_uid != os.geteuid():
            raise PermissionError(f"{self.path} belongs to somebody else")
        self.logs.mkdir(exist_ok=True, mode=0o700)
        # The kernel gives the lock back when we die, however we die. The text is for people.
        lock = os.open(self._file("lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyRunningError(self.path, self.owner() or 0) from None
        os.truncate(lock, 0)
        holder = {"pid": os.getpid(), "born": born(os.getpid())}
        os.pwrite(lock, json.dumps(holder).encode("ascii"), 0)
        self._lock = lock

    def release(self) -> None:
        """Give the folder back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def owner(self) -> int | None:
        """Return the process id of the supervisor that holds the folder, or None."""
        try:
            lock = os.open(self._file("lock"), os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder_pid(lock)
        finally:
            os.close(lock)
        return None

    def ports(self, wanted: Mapping[str, int | None]) -> dict[str, int]:
        """Return a port for each name: last time's, else the preferred one, else any free one.

        The same ports after a restart keep clients' addresses and generated files true.
        """
        before: dict[str, int] = self._read("ports.json") or {}
        chosen: dict[str, int] = {}
        for name, preferred in wanted.items():
            for port in (before.get(name), preferred):
                if port is not None and port not in chosen.values() and is_free(port):
                    chosen[name] = port
                    break
        missing = [name for name in wanted if name not in chosen]
        taken = frozenset(chosen.values()) | frozenset(p for p in wanted.values() if p)
        chosen |= zip(missing, free_ports(len(missing), avoid=taken), strict=True)
        self._write("ports.json", chosen)
        return chosen

    def write_processes(self, states: Iterable[ProcessState]) -> None:
        """Say what runs now."""
        self._write("processes.json", [asdict(state) for state in states])

    def processes(self) -> Sequence[ProcessState]:
        """Return what was last said to run; empty when nothing was."""
        return [ProcessState(**entry) for entry in self._read("processes.json") or []]

    async def clear_leftovers(self) -> None:
        """End what an earlier supervisor left behind when it was killed.

        Its children are already stopping by themselves where the kernel told them; elsewhere, or
        when one hangs, it would hold our ports and files.
        """
        deadline = time.monotonic() + LEFTOVER_GRACE
        left = [state for state in self.processes() if state.born is not None]
        while left := [state for state in left if born(state.pid) == state.born]:
            if time.monotonic() > deadline:
                for state in left:
                    with suppress(ProcessLookupError):
                        os.killpg(state.pid, signal.SIGKILL)
            await asyncio.sleep(0.02)

    def write(self, name: str, content: object) -> None:
        """Keep `content` as JSON under `name`, whole or not at all."""
        self._write(name, content)

    def forget(self, name: str) -> None:
        """Remove what was kept under `name`."""
        self._file(name).unlink(missing_ok=True)

    def read(self, name: str) -> object | None:
        """Return what was kept under `name`, or None."""
        content: object | None = self._read(name)
        return content

    def _file(self, name: str) -> Path:
        return self.path / name

    def _write(self, name: str, content: object) -> None:
        half = self._file(f"{name}.half")
        half.touch(mode=0o600)
        half.write_text(json.dumps(content, indent=1), encoding="utf-8")
        half.replace(self._file(name))

    def _read(self, name: str):  # type: ignore[no-untyped-def]
        try:
            return json.loads(self._file(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None


def _holder_pid(lock: int) -> int:
    holder = json.loads(os.pread(lock, 1000, 0) or b"{}")
    return int(holder.get("pid", 0))
