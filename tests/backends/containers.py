"""The official images under testcontainers, one pair a session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from tests.backends import Servers
from tests.backends.choice import NATS_IMAGE, PG_IMAGE

# Its image is a third one to have, and it needs the engine's socket; we clear up ourselves.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")

import docker
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

ABANDONED_AFTER = timedelta(hours=1)
POSTGRES_FLAGS = "-c max_connections=200 -c fsync=off -c synchronous_commit=off"


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both containers and remove them afterwards."""
    await asyncio.to_thread(_remove_abandoned)
    postgres = PostgresContainer(PG_IMAGE, driver=None).with_command(POSTGRES_FLAGS)
    nats = (
        DockerContainer(NATS_IMAGE)
        .with_command("-js -m 8222")
        .with_exposed_ports(4222, 8222)
        .waiting_for(HttpWaitStrategy(8222, "/healthz").for_status_code(200))
    )
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(nats.start)
        address = f"{nats.get_container_host_ip()}:{nats.get_exposed_port(4222)}"
        yield Servers(postgres=postgres.get_connection_url(), nats=f"nats://{address}")
    finally:
        await asyncio.to_thread(nats.stop)
        await asyncio.to_thread(postgres.stop)


def _remove_abandoned() -> None:
    """Remove containers that a killed run left behind."""
    engine = docker.from_env()
    try:
        oldest = datetime.now(UTC) - ABANDONED_AFTER
        label = {"label": "org.testcontainers=true"}
        for container in engine.containers.list(all=True, filters=label):
            if datetime.fromisoformat(container.attrs["Created"]) < oldest:
                container.remove(force=True)
    finally:
        engine.close()
