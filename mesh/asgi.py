"""Serve an ASGI application inside a process that `mesh.service` runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from mesh.config import host_port


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: it stops its parts in order."""
        yield


async def serve(application: Any, address: str, *, grace: int = 3) -> None:
    """Serve until cancelled; running requests get `grace` seconds to finish."""
    host, port = host_port(address)
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=grace,
        server_header=False,
    )
    await _Server(config).serve()
