"""The dead man's heartbeat: a word outside the hub for as long as every reading is zero."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mesh.clock import SystemClock
from services.alerting.pulse import Pulse
from tests.integration.alerting.office import Office
from tests.integration.alerting.test_auditing import auditor_of
from tests.waiting import until


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/beat", heard
    finally:
        server.close()


async def test_the_heart_beats_outside_only_while_all_is_well(office: Office) -> None:
    system = SystemClock()
    engine = asyncio.create_task(Pulse(office.database, office.engine, system).run())
    async with listening() as (url, heard):
        auditor = auditor_of(office, system, url)
        running = asyncio.create_task(auditor.run(every=0.1))
        await until(lambda: len(heard) >= 2)
        assert heard[0] == b"POST /beat HTTP/1.1"
        engine.cancel()
        async with office.database.transaction() as tx:
            await tx.change("UPDATE pulse SET real_at = real_at - interval '1 hour'")

        async def silent() -> bool:
            found = await office.rows("SELECT found FROM reading WHERE name = 'engine_silent'")
            return bool(found[0]["found"] == 1)

        await until(silent)
        beats = len(heard)
        seen = await office.rows("SELECT read_at FROM reading WHERE name = 'engine_silent'")

        async def looked_again() -> bool:
            now = await office.rows("SELECT read_at FROM reading WHERE name = 'engine_silent'")
            return bool(now[0]["read_at"] > seen[0]["read_at"])

        await until(looked_again)
        assert len(heard) == beats
        running.cancel()
        await asyncio.gather(running, engine, return_exceptions=True)
