"""Run alerting: `python -m services.alerting`."""

from __future__ import annotations

import asyncio

import grpc.aio

from directory.replica import Replica
from mesh import service
from mesh.config import host_port
from mesh.service import Host
from policies import reader
from policies.calendar import open_hours
from services.alerting import activation, calendars
from services.alerting.commands import Engine
from services.alerting.config import Settings
from services.alerting.consumers import CasesHeard
from services.alerting.mail import MailServer
from services.alerting.pacer import Pacer
from services.alerting.pulse import Pulse
from services.alerting.sender import Sender
from services.alerting.servicer import ALLOWED, SERVICE, AlertingServicer
from services.alerting.sweeper import Sweeper
from services.alerting.topology import DURABLES, STREAMS
from songtor.alerting.v1.alerting_pb2_grpc import add_AlertingServiceServicer_to_server


def mail_server(settings: Settings) -> MailServer:
    """Return where mail is handed over."""
    host, port = host_port(settings.smtp_server)
    return MailServer(
        host=host,
        port=port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.mail_from,
        timeout=settings.send_timeout_seconds,
    )


async def build(host: Host, settings: Settings) -> None:
    """Open alerting's parts."""
    policies = reader.load(settings.policies_dir)
    database = await host.database("alerting")
    bus = await host.bus()
    directory = Replica(host.channel("registry"), host.clock, kept_in=settings.directory_file)
    host.checks["directory"] = directory.ready
    host.spawn("directory", directory.run())
    outbox = host.outbox(database, bus, STREAMS)
    hours, keys = calendars.versions(open_hours(policies))
    engine = Engine(policies, hours, directory.current, outbox, asyncio.Event(), calendar_keys=keys)
    digest = policies.versions["escalation"].digest
    host.checks["policy"] = activation.check(database, digest)
    host.spawn("recalendar", calendars.Recalendar(database, engine, host.clock).run())
    for durable in DURABLES:
        host.consume(database, bus, durable, CasesHeard(engine, host.clock).handle)
    sweeper = Sweeper(
        database, engine, host.clock, every=settings.sweep_seconds, batch=settings.sweep_batch
    )
    host.spawn("sweeper", sweeper.run())
    host.spawn("pulse", Pulse(database, engine, host.clock).run())
    host.spawn("pacer", Pacer(database, engine, host.clock).run())
    sender = Sender(
        database,
        engine,
        host.clock,
        mail_server(settings),
        console_url=settings.console_url,
        lanes=settings.send_lanes,
    )
    host.spawn("sender", sender.run())
    servicer = AlertingServicer(database, engine, host.clock)

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_AlertingServiceServicer_to_server(servicer, server)
        return (SERVICE,)

    await host.serve(ALLOWED, register)


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("alerting", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
