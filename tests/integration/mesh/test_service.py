"""One process from start to end: ready, asked to stop, dying of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mesh import rpc
from mesh.identity import DevelopmentAuthority
from sandbox.ports import LOCALHOST, free_ports
from sandbox.probes import http_get, http_ok
from songtor.intake.v1 import intake_pb2, intake_pb2_grpc
from tests.integration.mesh.process import CANARY
from tests.integration.mesh.things import MIGRATIONS
from tests.plumbing import open_database
from tests.waiting import until

CASE = "3c0d1f4e-8e3c-4d57-9f43-6a4b1c9f0a11"


class Living:
    """A process that a test started, with its ports and its signs."""

    def __init__(self, folder: Path, authority: DevelopmentAuthority, database: str) -> None:
        self.grpc, self.health, self.http = free_ports(3)
        self.signs = folder
        self._process: Process | None = None
        place = database.rpartition("@")[2]
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("SONGTOR_")},
            "SONGTOR_ENV": "sandbox",
            "SONGTOR_IDENTITY_DIR": str(authority.issue("service", "intake").folder),
            "SONGTOR_DATABASE_URL": f"postgresql+asyncpg://songtor_plumbing:test@{place}",
            "SONGTOR_NATS_URL": "tls://127.0.0.1:1",
            "SONGTOR_LISTEN": f"{LOCALHOST}:{self.grpc}",
            "SONGTOR_HTTP_LISTEN": f"{LOCALHOST}:{self.http}",
            "SONGTOR_HEALTH_LISTEN": f"{LOCALHOST}:{self.health}",
            "SONGTOR_SIGNS": str(folder),
        }

    async def start(self, *arguments: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.integration.mesh.process",
            *arguments,
            env=self._environment,
            stderr=PIPE,
        )

    async def is_ready(self) -> bool:
        return await http_ok(LOCALHOST, self.health, "/readyz")

    async def becomes_ready(self) -> None:
        # Starting is the processor's work, and it may be shared with much else.
        await until(self.is_ready, within=60)

    async def page(self, path: str) -> tuple[int, str]:
        status, body = await http_get(LOCALHOST, self.health, path)
        return status, body.decode()

    def begun(self) -> bool:
        return (self.signs / "begun").exists()

    def go(self) -> None:
        (self.signs / "go").touch()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self, *, within: float = 60) -> tuple[int, list[dict[str, Any]]]:
        """Wait for its end; return its status and its log, of which every line is JSON."""
        assert self._process is not None
        async with asyncio.timeout(within):
            _, told = await self._process.communicate()
        assert CANARY not in told.decode()
        lines = [json.loads(line) for line in told.decode().splitlines()]
        return int(self._process.returncode or 0), lines

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


@pytest_asyncio.fixture(scope="module")
async def authority(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentAuthority:
    return DevelopmentAuthority(tmp_path_factory.mktemp("authority"))


@pytest_asyncio.fixture(scope="module")
async def migrated(database: str) -> AsyncIterator[str]:
    async with open_database(database, "plumbing", MIGRATIONS):
        yield database


@pytest_asyncio.fixture
async def process(
    tmp_path: Path, authority: DevelopmentAuthority, migrated: str
) -> AsyncIterator[Living]:
    living = Living(tmp_path, authority, migrated)
    yield living
    await living.kill()


async def call(process: Living, authority: DevelopmentAuthority, stack: AsyncExitStack) -> Any:
    """Ask it something over mTLS."""
    identity = authority.issue("service", "gateway")
    channel = rpc.channel(f"{LOCALHOST}:{process.grpc}", identity, service="intake")
    stack.push_async_callback(channel.close)
    stub = intake_pb2_grpc.IntakeServiceStub(channel)
    return await rpc.call(stub.GetCase, intake_pb2.GetCaseRequest(case_id=CASE), timeout=10)


async def test_it_becomes_ready_shows_its_numbers_and_stops_when_asked(
    process: Living, authority: DevelopmentAuthority
) -> None:
    await process.start("serves")
    await process.becomes_ready()
    assert await process.page("/healthz") == (200, "alive\n")
    assert (await process.page("/elsewhere"))[0] == 404
    process.go()
    async with AsyncExitStack() as stack:
        await call(process, authority, stack)
    status, numbers = await process.page("/metrics")
    assert status == 200
    assert 'songtor_rpc_calls_total{method="/songtor.intake.v1.IntakeService/GetCase"' in numbers
    process.signal()
    code, lines = await process.ended()
    assert code == 0
    assert [line["event"] for line in lines] == ["started", "stopping"]


async def test_a_call_is_finished_before_it_ends(
    process: Living, authority: DevelopmentAuthority
) -> None:
    await process.start("serves")
    await process.becomes_ready()
    async with AsyncExitStack() as stack:
        asked = asyncio.create_task(call(process, authority, stack))
        await until(process.begun)
        process.signal()
        await until(lambda: _says(process, "stopping"))
        process.go()
        await asked
    code, _ = await process.ended()
    assert code == 0


async def test_a_web_request_is_finished_before_it_ends(process: Living) -> None:
    await process.start("serves")
    await process.becomes_ready()
    await until(lambda: _listens(process))
    asked = asyncio.create_task(_get(process.http))
    await until(process.begun)
    process.signal(signal.SIGINT)
    await until(lambda: _says(process, "stopping"))
    process.go()
    assert b"done" in await asked
    assert (await process.ended())[0] == 0


async def test_it_is_not_ready_when_its_database_is_away(
    process: Living, authority: DevelopmentAuthority
) -> None:
    process._environment["SONGTOR_DATABASE_URL"] = "postgresql+asyncpg://x:y@127.0.0.1:1/none"
    await process.start("serves")
    await until(lambda: _says(process, "database"), within=60)
    assert (await process.page("/healthz"))[0] == 200
    process.signal()
    assert (await process.ended())[0] == 0


async def test_it_can_be_stopped_while_it_waits_for_its_broker(process: Living) -> None:
    await process.start("waits for its broker")
    await until(lambda: _says(process, "starting"), within=60)
    process.signal()
    code, _ = await process.ended()
    assert code == 0


async def test_a_start_that_fails_is_told_by_its_kind_and_ends_with_1(process: Living) -> None:
    await process.start("cannot start")
    code, lines = await process.ended()
    assert code == 1
    assert [line.get("error") for line in lines if line["event"] == "start_failed"] == ["KeyError"]


async def test_a_loop_that_dies_ends_the_process_with_1(process: Living) -> None:
    await process.start("dies")
    await process.becomes_ready()
    process.go()
    code, lines = await process.ended()
    assert code == 1
    ended = next(line for line in lines if line["event"] == "loop_ended")
    assert (ended["loop"], ended["error"]) == ("mortal", "KeyError")


async def test_so_does_a_loop_that_just_ends(process: Living) -> None:
    await process.start("ends")
    await process.becomes_ready()
    process.go()
    code, lines = await process.ended()
    assert code == 1
    assert next(line for line in lines if line["event"] == "loop_ended")["loop"] == "short"


async def test_its_settings_can_be_checked_without_running_it(process: Living) -> None:
    await process.start("cannot start", "--check-config")
    assert await process.ended() == (0, [])


async def _says(process: Living, word: str) -> bool:
    try:
        status, body = await process.page("/readyz")
    except (OSError, TimeoutError):
        return False
    return status == 503 and word in body


async def _listens(process: Living) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOCALHOST, process.http)
    except OSError:
        return False
    writer.close()
    return True


async def _get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection(LOCALHOST, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer
