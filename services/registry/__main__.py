"""Run the registry: `python -m services.registry`."""

from __future__ import annotations

import grpc.aio

from directory.decide import Decider
from directory.places.locate import Locator
from directory.places.names import areas
from mesh import service
from mesh.service import Host
from policies import reader
from services.registry.config import Settings
from services.registry.current import Current
from services.registry.domain.faults import Codes
from services.registry.releases import Importer
from services.registry.rota import Rota
from services.registry.servicer import ALLOWED, SERVICE, RegistryServicer
from services.registry.topology import STREAMS
from songtor.registry.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server


async def build(host: Host, settings: Settings) -> None:
    """Open the registry's parts."""
    policies = reader.load(settings.policies_dir)
    database = await host.database("registry")
    bus = await host.bus()
    outbox = host.outbox(database, bus, STREAMS)
    current = Current(database)
    codes = Codes(policies, areas(), allow_synthetic=settings.env == "sandbox")
    importer = Importer(database, outbox, codes, host.clock)
    locator = Locator(settings.geo_dir)
    servicer = RegistryServicer(
        current, Decider(policies), importer, Rota(database, host.clock), locator
    )

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_RegistryServiceServicer_to_server(servicer, server)
        return (SERVICE,)

    host.spawn("follow", current.follow(every=settings.refresh_seconds))
    await host.serve(ALLOWED, register)
    host.stack.push_async_callback(current.close)


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("registry", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
