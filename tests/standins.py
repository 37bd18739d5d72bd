"""The agencies' stand-ins as processes, spoken to by their admin interface."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

_READY_WITHIN = 20


class Standin:
    """One stand-in's process; killed and started again it keeps its port and its file."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self._module = module
        self._environment = {"SONGTOR_STANDIN_PACE": "0.01", **environment}
        self._process: Process | None = None
        self.ready: dict[str, str] = {}
        self.url = ""
        self.client = httpx2.AsyncClient()

    async def start(self) -> None:
        """Start it and wait for its ready line."""
        listen = self.ready.get("listen", "127.0.0.1:0")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SONGTOR_")}
        environment |= {**self._environment, "SONGTOR_LISTEN": listen}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module, env=environment, stdout=PIPE
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(_READY_WITHIN):
            line = await self._process.stdout.readline()
        self.ready = json.loads(line)
        self.url = f"http://{self.ready['listen']}"
        await self.client.aclose()
        self.client = httpx2.AsyncClient(base_url=self.url, timeout=10)

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """Kill it as a power switch would."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self.client.aclose()
        return await self._process.wait()

    async def ledger(self) -> dict[str, Any]:
        """Return what came, what it effected, what came twice, and each reference's state."""
        answer = await self.client.get("/admin/ledger")
        ledger: dict[str, Any] = answer.raise_for_status().json()
        return ledger

    async def play(self, **script: Any) -> None:
        """Set the script for what arrives from now on."""
        (await self.client.put("/admin/script", json=script)).raise_for_status()

    async def act(self, reference: str, do: str, **more: str) -> None:
        """Do one thing now."""
        act = {"reference": reference, "step": {"do": do, **more}}
        (await self.client.post("/admin/act", json=act)).raise_for_status()

    async def misbehave(self, kind: str, **more: Any) -> None:
        """Plan a fault for the next request."""
        faults = {"faults": [{"kind": kind, **more}]}
        (await self.client.put("/admin/faults", json=faults)).raise_for_status()

    async def comes_to(self, reference: str, state: str) -> dict[str, Any]:
        """Wait until the agency has brought a referral to `state`."""

        async def there() -> bool:
            return (await self._referral(reference)).get("state") == state

        await eventually(there)
        return await self._referral(reference)

    async def _referral(self, reference: str) -> dict[str, Any]:
        referral: dict[str, Any] = (await self.ledger())["references"].get(reference, {})
        return referral


@asynccontextmanager
async def running(
    name: str, folder: Path, *, clock_file: Path | None = None, **settings: str
) -> AsyncIterator[Standin]:
    """Run a stand-in with its file in `folder`; `settings` are its SONGTOR_STANDIN_*."""
    environment = {f"SONGTOR_STANDIN_{key.upper()}": value for key, value in settings.items()}
    if clock_file is not None:
        environment["SONGTOR_CLOCK_FILE"] = str(clock_file)
    standin = Standin(
        f"sandbox.standins.{name}", {"SONGTOR_STANDIN_DATA": str(folder), **environment}
    )
    await standin.start()
    try:
        yield standin
    finally:
        await standin.stop()


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float = 20) -> None:
    """Return as soon as the awaited condition holds; raise TimeoutError when it does not."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110  (another process's doing)
            await asyncio.sleep(0.02)
