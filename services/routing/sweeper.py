"""What nobody answered: deliveries are offered again, news that waits too long is shown."""

from __future__ import annotations

import asyncio

import structlog

from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import UnavailableError
from mesh.outbox import Outbox
from services.routing.commands.repairing import offer_again, show_overdue

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
LIMIT = 256


class Sweeper:
    """Looks around every few seconds. Several replicas may: each row is one's alone."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._clock = clock

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                while await self.sweep() == LIMIT:
                    continue
            except UnavailableError as error:
                log.warning("sweeper_waits", reason=error.reason)
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> int:
        """Sweep once; return how many deliveries were offered again."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            offered = await offer_again(tx, self._outbox, now=now, limit=LIMIT)
            shown = await show_overdue(tx, self._outbox, now=now, limit=LIMIT)
        if offered:
            telemetry.count(telemetry.DELIVERIES, offered, agency="", outcome="offered_again")
            log.warning("deliveries_offered_again", count=offered)
        if shown:
            log.warning("news_waits_too_long", count=shown)
        return offered
