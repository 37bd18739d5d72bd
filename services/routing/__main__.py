"""Run routing: `python -m services.routing`."""

from __future__ import annotations

from datetime import timedelta

import grpc.aio

from directory.decide import Decider
from directory.replica import Replica
from mesh import service
from mesh.batching import GroupCommit
from mesh.service import Host
from policies import reader
from services.routing.commands.parts import Parts
from services.routing.config import Settings
from services.routing.consumers import AgencyNews, CasesReported
from services.routing.domain.lifecycle import Rules
from services.routing.servicer import ALLOWED, SERVICE, Acting, RoutingServicer
from services.routing.sweeper import Sweeper
from services.routing.topology import CASES, CASES_FAST, INBOUND_NEWS, SPOKEN
from songtor.routing.v1.routing_pb2_grpc import add_RoutingServiceServicer_to_server


async def build(host: Host, settings: Settings) -> None:
    """Open routing's parts."""
    policies = reader.load(settings.policies_dir)
    database = await host.database("routing")
    bus = await host.bus()
    directory = Replica(host.channel("registry"), host.clock, kept_in=settings.directory_file)
    host.checks["directory"] = directory.ready
    host.spawn("directory", directory.run())
    outbox = host.outbox(database, bus, SPOKEN)
    rules = Rules(policies.reasons, timedelta(hours=settings.cancel_wait_hours))
    parts = Parts(Decider(policies), directory.current, outbox, rules)
    batch = settings.consume_batch
    for durable in (CASES_FAST, CASES):
        cases = CasesReported(durable.name, parts, host.clock)
        host.consume(database, bus, durable, cases.handle, batch=batch)
    host.consume(database, bus, INBOUND_NEWS, AgencyNews(parts, host.clock).handle, batch=batch)
    host.spawn("sweeper", Sweeper(database, outbox, host.clock).run())
    acts = await host.stack.enter_async_context(
        GroupCommit(
            Acting(database, parts, host.clock).do,
            batch=settings.commit_batch,
            lanes=settings.commit_lanes,
        )
    )
    servicer = RoutingServicer(database, acts)

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_RoutingServiceServicer_to_server(servicer, server)
        return (SERVICE,)

    await host.serve(ALLOWED, register)


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("routing", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
