"""News for the operators' console as it happens: codes only, over server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from nats.aio.msg import Msg

from mesh.messaging import Bus
from services.gateway import wire
from services.gateway.topology import NEWS

_HELD = 1_000
_HEARTBEAT_SECONDS = 15.0
_LOST = b'event: lost\ndata: {"next":"load the lists again"}\n\n'


class News:
    """Hands each piece of news to every console that listens; a slow one loses the oldest."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    async def follow(self, bus: Bus) -> None:
        """Hear what passes, until cancelled; then every stream ends, so that the server can."""
        for subject in NEWS:
            await bus.subscribe(subject, self._hear)
        try:
            await asyncio.Event().wait()
        finally:
            self.close()

    async def _hear(self, message: Msg) -> None:
        if not self._listeners:
            return
        kind, codes = wire.news_from(message.subject, message.data)
        # The relay may publish twice: the id lets a console notice.
        news_id = (message.headers or {}).get("Nats-Msg-Id", "")
        data = json.dumps(codes, ensure_ascii=False, separators=(",", ":"))
        self.tell(f"id: {news_id}\nevent: {kind}\ndata: {data}\n\n".encode())

    def tell(self, news: bytes) -> None:
        """Hand a piece of news to all who listen."""
        for queue in self._listeners:
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(_LOST)
            queue.put_nowait(news)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield news from now on, and a sign of life while there is none."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_HELD)
        self._listeners.add(queue)
        try:
            yield b": listening\n\n"
            while True:
                try:
                    # Not wait_for: on 3.11 it can lose a cancellation that meets its timeout.
                    async with asyncio.timeout(_HEARTBEAT_SECONDS):
                        news = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if news is None:
                    return
                yield news
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """End every stream."""
        for queue in self._listeners:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
