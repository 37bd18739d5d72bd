"""An ASGI application served inside a test, as its process would."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mesh import asgi
from tests.waiting import until


@asynccontextmanager
async def served(application: Any, port: int) -> AsyncIterator[None]:
    """Serve `application` on `port` of this machine while the block runs."""
    task = asyncio.create_task(asgi.serve(application, f"127.0.0.1:{port}"))
    try:
        await until(lambda: task.done() or _answers(port))
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
