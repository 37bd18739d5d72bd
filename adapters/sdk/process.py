"""Run one adapter as a process: ledger, broker, carrier, reader, and the agency's listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from adapters.sdk.adapter import Adapter
from adapters.sdk.carrier import Carrier
from adapters.sdk.config import AdapterSettings
from adapters.sdk.http import AgencyClient
from adapters.sdk.reader import Reader
from adapters.sdk.topology import durable, news, schema
from mesh import asgi, service
from mesh.service import Host

S = TypeVar("S", bound=AdapterSettings)


def run(agency: str, settings: S, build: Callable[[S, AgencyClient], Adapter]) -> None:
    """Run the adapter of `agency` until it is told to stop.

    `build` gets the settings and the client, and returns the adapter.
    """

    async def open_parts(host: Host) -> None:
        client = await host.stack.enter_async_context(
            AgencyClient(
                settings.agency_url,
                timeout=settings.agency_timeout_seconds,
                connections=settings.concurrency + 8,
            )
        )
        adapter = build(settings, client)
        database = await host.database(schema(agency))
        bus = await host.bus()
        outbox = host.outbox(database, bus, [news(agency)])
        carrier = Carrier(
            agency,
            adapter,
            database,
            outbox,
            host.clock,
            concurrency=settings.concurrency,
            timeout=settings.agency_timeout_seconds,
        )
        reader = Reader(agency, adapter, database, outbox, host.clock, pause=settings.poll_seconds)
        host.consume(database, bus, durable(agency), carrier.take)
        host.spawn("carrier", carrier.run())
        host.spawn("reader", reader.run())
        application = adapter.listener(reader)
        if application is not None:
            host.spawn("listener", asgi.serve(application, settings.listen))

    service.run(f"adapter-{agency}", settings, open_parts)
