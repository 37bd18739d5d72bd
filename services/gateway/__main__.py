"""Run the gateway: `python -m services.gateway`."""

from __future__ import annotations

from mesh import asgi, service
from mesh.batching import GroupCommit
from mesh.service import Host
from services.gateway.api import application
from services.gateway.config import Settings
from services.gateway.edge import Edge
from services.gateway.fhir import Directory
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

_KEEP_ALIVE = 65  # seconds: longer than a load balancer's


async def build(host: Host, settings: Settings) -> None:
    """Open the gateway's parts."""
    keys = KeyRing(await host.database("gateway"))
    await keys.read()
    host.spawn("keys", keys.keep_reading())
    news = News()
    host.spawn("news", news.follow(await host.bus()))
    registry = RegistryServiceStub(host.channel("registry"))
    units = Units(registry)
    host.spawn("units", units.follow())
    intake = IntakeServiceStub(host.channel("intake"))
    routing = RoutingServiceStub(host.channel("routing"))
    sender = Sender(intake, routing, settings.call_timeout_seconds)
    peers = Peers(
        intake,
        routing,
        AlertingServiceStub(host.channel("alerting")),
        await host.stack.enter_async_context(
            GroupCommit(
                sender.submit,
                lanes=settings.report_lanes,
                linger=settings.report_linger_seconds,
                waiting=settings.waiting_reports,
            )
        ),
        await host.stack.enter_async_context(GroupCommit(sender.act)),
        settings.call_timeout_seconds,
    )
    door = ReportDoor(
        keys,
        units,
        peers.submissions,
        body_limit=settings.body_limit,
        public=settings.public_website,
    )
    directory = Directory(registry, settings.call_timeout_seconds)
    edge = Edge(door, application(Parts(keys, peers, news), directory))
    grace = int(settings.stop_grace_seconds)
    host.spawn("http", asgi.serve(edge, settings.listen, grace=grace, keep_alive=_KEEP_ALIVE))


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("gateway", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
