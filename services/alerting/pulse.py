"""That this process lives: by the hub's clock and the database's, and by which rules it decides."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import structlog

from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import UnavailableError
from services.alerting.commands import Engine

log = structlog.get_logger(__name__)

EVERY = 5.0
_BEAT = """
    INSERT INTO pulse (process, hub_at, real_at, facts)
    VALUES (:process, :hub_at, clock_timestamp(), CAST(:facts AS jsonb))
    ON CONFLICT (process) DO UPDATE SET hub_at = excluded.hub_at, real_at = excluded.real_at,
        facts = excluded.facts
"""


class Pulse:
    """Beats for as long as the process's loop turns and the database answers."""

    def __init__(self, database: Database, engine: Engine, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._process = f"alerting-{uuid4()}"

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            try:
                await self.beat()
            except UnavailableError as error:
                log.info("pulse_waits", reason=error.reason)
            await asyncio.sleep(EVERY)

    async def beat(self) -> None:
        """Say once by what this process decides now."""
        facts = {"escalation": self._engine.policies.versions["escalation"].digest}
        async with self._database.transaction() as tx:
            await tx.execute(
                _BEAT,
                {
                    "process": self._process,
                    "hub_at": self._clock.now(),
                    "facts": json.dumps(facts),
                },
            )
