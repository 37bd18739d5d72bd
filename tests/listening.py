"""A small HTTP server inside a test, which keeps what it gets and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Listener:
    """What came so far, and with what to answer the next call."""

    answer: Callable[[Call], int]
    body: bytes
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, a request after the other."""
        self.open.add(writer)
        try:
            while line := await reader.readline():
                call = await _read(line, reader)
                status = self.answer(call)
                self.calls.append(call)
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(self.body)}\r\n\r\n"
                writer.write(head.encode() + self.body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


async def _read(line: bytes, reader: asyncio.StreamReader) -> Call:
    method, path, _ = line.decode().split(" ", 2)
    headers: dict[str, str] = {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(method, path, headers, body)


@asynccontextmanager
async def listening(
    answer: Callable[[Call], int] = lambda _call: 200, body: bytes = b""
) -> AsyncIterator[Listener]:
    """Listen on a free port of this machine, and answer everybody with `body`."""
    listener = Listener(answer, body)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    listener.url = f"http://{host}:{port}"
    try:
        yield listener
    finally:
        server.close()
        for writer in tuple(listener.open):
            writer.close()
        await server.wait_closed()
