"""uvicorn inside a process of ours: our loop, our signals, our logs."""

from __future__ import annotations

import uvicorn
from starlette.types import ASGIApp

from mesh.config import host_port
from mesh.service import Host

_KEEP_ALIVE_SECONDS = 65  # longer than a load balancer's, so that it is never the one surprised


async def serve(host: Host, app: ASGIApp) -> int:
    """Serve HTTP where the settings say until the process ends; return the port."""
    address, port = host_port(host.settings.listen)
    config = uvicorn.Config(
        app,
        host=address,
        port=port,
        http="httptools",
        loop="none",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(host.settings.stop_grace_seconds),
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Not `serve()`: that would take SIGTERM away from `mesh.service`.
    await server.startup()
    host.spawn("http", server.main_loop())
    host.stack.push_async_callback(server.shutdown)
    return int(server.servers[0].sockets[0].getsockname()[1])
