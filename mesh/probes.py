"""gRPC's own health and reflection services."""

from __future__ import annotations

from collections.abc import Sequence

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection


async def add_probes(
    server: grpc.aio.Server, names: Sequence[str], *, reflect: bool = False
) -> None:
    """Add health for each service name; reflection only where asked (never in production)."""
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for name in ("", *names):
        await servicer.set(name, health_pb2.HealthCheckResponse.SERVING)
    if reflect:
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
