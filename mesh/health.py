"""The plain-HTTP side door of a process: `/healthz`, `/readyz`, `/metrics`.

It has its own port because neither the kubelet nor Prometheus carries a client certificate. Nothing
here says more than up, ready and numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import REGISTRY, generate_latest

from mesh.config import host_port
from mesh.errors import SongtorError

Check = Callable[[], Awaitable[None]]


class HealthServer:
    """Serves the three pages. Alive while the event loop turns; ready when every check passes."""

    def __init__(self, address: str, checks: Mapping[str, Check]) -> None:
        self._address = address
        self._checks = checks
        self._server: asyncio.Server | None = None
        self.starting = True
        self.stopping = False

    async def __aenter__(self) -> HealthServer:
        host, port = host_port(self._address)
        self._server = await asyncio.start_server(self._answer, host, port)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    @property
    def port(self) -> int:
        """The port that is really listened on."""
        if self._server is None:
            raise RuntimeError("the health server is not open")
        return int(self._server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(5):
                line = await reader.readline()
            path = line.split(b" ")[1] if line.count(b" ") >= 2 else b"/"
            status, body = await self._page(path)
            writer.write(
                b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
            )
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # a prober that hung up, or never meant HTTP: it asks again
        finally:
            writer.close()

    async def _page(self, path: bytes) -> tuple[bytes, bytes]:
        if path.startswith(b"/healthz"):
            return b"200 OK", b"alive\n"
        if path.startswith(b"/metrics"):
            return b"200 OK", generate_latest(REGISTRY)
        if not path.startswith(b"/readyz"):
            return b"404 Not Found", b"healthz, readyz, metrics\n"
        failing = await self._failing()
        if failing:
            return b"503 Service Unavailable", ("not ready: " + ", ".join(failing) + "\n").encode()
        return b"200 OK", b"ready\n"

    async def _failing(self) -> list[str]:
        if self.stopping:
            return ["stopping"]
        if self.starting:
            return ["starting"]
        failing = []
        for name, check in self._checks.items():
            try:
                async with asyncio.timeout(2):
                    await check()
            except (SongtorError, TimeoutError):
                failing.append(name)
        return failing
