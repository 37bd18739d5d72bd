"""The `songtor` command as a person runs it: a process, its words, its exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
UP_WITHIN = 180.0


class Songtor:
    """One running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.said: list[str] = []
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, *words: str) -> Songtor:
        """Run `songtor` with these words, in the project's folder."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cli",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=ROOT,
            limit=1 << 20,
        )
        return cls(process)

    @classmethod
    async def run(cls, *words: str) -> tuple[int, str]:
        """Run it to its end; return its exit code and all that it said."""
        command = await cls.start(*words)
        return await command.ended(), command.text

    @property
    def text(self) -> str:
        """Return all that it has said so far."""
        return "\n".join(self.said)

    async def says(self, words: str, *, within: float = UP_WITHIN) -> None:
        """Wait until it says `words`; fail with all it said when it ends before that."""
        async with asyncio.timeout(within):
            while words not in self.text:
                if self._reader.done():
                    raise AssertionError(f"it never said {words!r}:\n{self.text}")
                await asyncio.sleep(0.05)

    async def ended(self, *, within: float = 400) -> int:
        """Wait until it ends, and return how."""
        async with asyncio.timeout(within):
            await self._reader
            return await self._process.wait()

    async def interrupt(self) -> int:
        """Press Ctrl-C and wait until it has ended."""
        self._process.send_signal(signal.SIGINT)
        return await self.ended(within=30)

    async def kill(self) -> None:
        """End it, whatever it is doing; nothing happens when it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self.ended()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.said.append(line.decode("utf-8", errors="replace").rstrip("\n"))


def processes(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what the supervisor says that runs in `folder`."""
    told = json.loads((folder / "processes.json").read_text(encoding="utf-8"))
    return {state["name"]: state for state in told}
