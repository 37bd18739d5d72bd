"""Serve an ASGI application inside a process that `mesh.service` runs."""

from __future__ import annotations

import asyncio
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


async def serve(application: Any, address: str, *, grace: int = 3, keep_alive: int = 5) -> None:
    """Serve until cancelled; then running requests get `grace` seconds to finish.

    `keep_alive` is how many seconds an idle connection stays open; behind a load balancer longer
    than its own, so that it never sends on a connection that is being closed.
    """
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
        timeout_keep_alive=keep_alive,
        server_header=False,
        # Nobody's word for who the client is decides anything here.
        proxy_headers=False,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        # Cut off inside, it would leave its connections as they are: it is asked to end instead.
        server.should_exit = True
        await running
        raise
