"""Run intake: `python -m services.intake`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import grpc.aio

from directory.places.locate import Locator
from mesh import service
from mesh.batching import GroupCommit
from mesh.service import Host
from policies import reader
from services.intake import keys
from services.intake.commands import Rules
from services.intake.config import Settings
from services.intake.consumers import ReferralsHeard
from services.intake.geography import areas
from services.intake.locating import PinReader
from services.intake.servicer import ALLOWED, SERVICE, Intake, IntakeServicer
from services.intake.topology import REFERRALS, STREAMS
from songtor.intake.v1.intake_pb2_grpc import add_IntakeServiceServicer_to_server


async def build(host: Host, settings: Settings) -> None:
    """Open intake's parts."""
    locator = Locator(settings.geo_dir)
    if settings.geo_dir is not None:
        # A file that cannot be read has to stop the start, not the first report with a pin.
        await asyncio.to_thread(locator.levels)
    rules = Rules(
        reader.load(settings.policies_dir),
        areas(),
        keys.read(settings.keyset),
        locate=PinReader(locator),
    )
    database = await host.database("intake")
    bus = await host.bus()
    outbox = host.outbox(database, bus, STREAMS)
    host.consume(database, bus, REFERRALS, ReferralsHeard(host.clock).handle)
    submissions = await host.stack.enter_async_context(
        GroupCommit(
            Intake(database, outbox, rules, host.clock).store,
            batch=settings.commit_batch,
            lanes=settings.commit_lanes,
            linger=settings.commit_linger_seconds,
        )
    )
    servicer = IntakeServicer(
        database,
        submissions,
        rules,
        host.clock,
        keep_after_closing=timedelta(days=settings.follow_up_days),
    )

    def register(server: grpc.aio.Server) -> tuple[str, ...]:
        add_IntakeServiceServicer_to_server(servicer, server)
        return (SERVICE,)

    await host.serve(ALLOWED, register)


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("intake", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
