"""Looks for deadlines that are due. Time comes from the hub's clock, which the sandbox may move."""

from __future__ import annotations

import asyncio

import structlog

from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import UnavailableError
from services.alerting import commands
from services.alerting.commands import Engine

log = structlog.get_logger(__name__)


class Sweeper:
    """Fires what is due. Several replicas may sweep at once: each row is claimed by one."""

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, *, every: float, batch: int
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._every = every
        self._batch = batch

    async def run(self) -> None:
        """Sweep for ever: at once again while batches come full, else after a pause."""
        while True:
            try:
                full = await self.sweep_once() == self._batch
            except UnavailableError as error:
                log.warning("sweep_waits", reason=error.reason)
                full = False
            # Real seconds: a virtual clock that jumps is seen at the next look.
            await asyncio.sleep(0 if full else self._every)

    async def sweep_once(self) -> int:
        """Fire one batch; return how many deadlines it held."""
        async with self._database.transaction() as tx:
            return await commands.sweep(tx, self._engine, now=self._clock.now(), limit=self._batch)
