"""The gateway as its clients meet it: over ASGI, with a real intake behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from mesh.batching import GroupCommit
from mesh.database import Database
from services.gateway import keys as api_keys
from services.gateway.api import application
from services.gateway.edge import Edge
from services.gateway.keys import KeyRing
from services.gateway.news import News
from services.gateway.peers import Peers, Sender
from services.gateway.reports import ReportDoor
from services.gateway.routes import Parts
from services.gateway.units import Units
from songtor.alerting.v1.alerting_pb2_grpc import AlertingServiceStub
from songtor.intake.v1.intake_pb2_grpc import IntakeServiceStub
from songtor.registry.v1.registry_pb2_grpc import RegistryServiceStub
from songtor.routing.v1.routing_pb2_grpc import RoutingServiceStub
from tests.fakes.peers import FakeAlerting, FakeRegistry, FakeRouting, channel, serving
from tests.plumbing import open_database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Door:
    """A running gateway, its fake neighbours, and a client of it."""

    app: Edge
    client: httpx2.AsyncClient
    database: Database
    keys: KeyRing
    units: Units
    news: News
    routing: FakeRouting
    alerting: FakeAlerting
    registry: FakeRegistry

    async def key(self, *scopes: str, client: str = "") -> dict[str, str]:
        """Make an API key and return the header that carries it."""
        made = await api_keys.create(
            self.database, client=client or f"client-{uuid4()}", scopes=scopes, now=NOW
        )
        await self.keys.read()
        return {"Authorization": f"Bearer {made}"}

    async def post(
        self, body: Any, *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Post a report, under a fresh Idempotency-Key unless one is given."""
        sent = {"Idempotency-Key": key or str(uuid4()), **(headers or {})}
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
            return await self.client.post("/v1/reports", content=body, headers=sent)
        return await self.client.post("/v1/reports", json=body, headers=sent)


@asynccontextmanager
async def open_door(
    address: str, intake: str, *, public: bool = True, timeout: float = 10, waiting: int = 10_000
) -> AsyncIterator[Door]:
    """Run a gateway in front of the intake at `intake`."""
    routing, alerting, registry = FakeRouting(), FakeAlerting(), FakeRegistry()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(address, "gateway"))
        others = await stack.enter_async_context(serving(routing, alerting, registry))
        to_intake = await stack.enter_async_context(channel(intake))
        to_others = await stack.enter_async_context(channel(others))
        intake_stub, routing_stub = IntakeServiceStub(to_intake), RoutingServiceStub(to_others)
        sender = Sender(intake_stub, routing_stub, timeout)
        peers = Peers(
            intake_stub,
            routing_stub,
            AlertingServiceStub(to_others),
            await stack.enter_async_context(GroupCommit(sender.submit, waiting=waiting)),
            await stack.enter_async_context(GroupCommit(sender.act)),
            timeout,
        )
        ring, news = KeyRing(database), News()
        units = Units(RegistryServiceStub(to_others))
        door = ReportDoor(ring, units, peers.submissions, body_limit=262_144, public=public)
        app = Edge(door, application(Parts(ring, peers, news)))
        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app), base_url="http://songtor.example"
            )
        )
        yield Door(app, client, database, ring, units, news, routing, alerting, registry)
