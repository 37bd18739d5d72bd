"""Looks for deadlines that are due. Time comes from the hub's clock, which the sandbox may move.

Facts and noise are separate. Little that is due is fired and decided in one transaction; when more
is due than one batch holds (a storm, or the morning after an outage), every fact is recorded first,
at full speed and with its true time, and what follows from them is decided afterwards: emergencies
first, then the oldest.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime

import structlog

from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import UnavailableError
from services.alerting import commands, deadlines
from services.alerting.commands import Engine

log = structlog.get_logger(__name__)

LIFTED = "songtor.alerting.deadlines_lifted"
RECORD_BATCH = 5000
TIDY_EVERY = 60.0


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
        self._tidied = time.monotonic()
        self._behind = False
        """More was recorded than is decided yet: facts go on being written before anything else."""

    async def run(self) -> None:
        """Sweep for ever: when the next deadline falls due, when woken, and every so often."""
        while True:
            self._engine.armed.clear()
            pause = self._every
            try:
                if time.monotonic() - self._tidied >= TIDY_EVERY:
                    await self.tidy()
                if await self.sweep_once():
                    continue
                pause = min(pause, await self._until_next())
            except UnavailableError as error:
                log.warning("sweep_waits", reason=error.reason)
            try:
                # Real seconds: a virtual clock that jumps is seen at the next look.
                async with asyncio.timeout(pause):
                    await self._engine.armed.wait()
            except TimeoutError:
                continue

    async def sweep_once(self) -> int:
        """Fire what one look finds; return how many deadlines that were."""
        fired = await self._emergencies()
        shards = await self._shards_due()
        if shards:
            claimed = 0 if self._behind else await self._claim(shards)
            fired += claimed
            if self._behind or claimed == self._batch:
                fired += await self._record_all(shards)
        decided = await self._decide_recorded()
        self._behind = decided == self._batch
        return fired + decided

    async def tidy(self) -> None:
        """Move the marks on, and look below them: nothing may be armed there."""
        self._tidied = time.monotonic()
        async with self._database.transaction() as tx:
            await deadlines.move_marks(tx, now=self._clock.now())
            lifted = await deadlines.lift(tx)
        if lifted:
            log.error("deadlines_below_the_mark", count=lifted)
            telemetry.count(LIFTED, lifted)

    async def _until_next(self) -> float:
        async with self._database.transaction() as tx:
            coming = await deadlines.next_due(tx)
        if not coming:
            return self._every
        # A case that somebody decides on just now leaves its deadline due: not asked at once again.
        return max((min(coming.values()) - self._clock.now()).total_seconds(), 0.02)

    async def _shards_due(self) -> list[int]:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            coming = await deadlines.next_due(tx)
        found = [shard for shard, at in coming.items() if at <= now]
        # Replicas that look at the same instant begin at different shards.
        random.shuffle(found)
        return found

    async def _emergencies(self) -> int:
        fired = 0
        while True:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                due = await deadlines.claim_emergencies(tx, now=now, limit=self._batch)
                await commands.fire(tx, self._engine, due, now=now)
            self.observe("fired", [deadline.due_at for deadline in due])
            fired += len(due)
            if len(due) < self._batch:
                return fired

    async def _claim(self, shards: Sequence[int]) -> int:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await deadlines.claim_due(tx, shards, now=now, limit=self._batch)
            await commands.fire(tx, self._engine, due, now=now)
        self.observe("fired", [deadline.due_at for deadline in due])
        return len(due)

    async def _record_all(self, shards: Sequence[int]) -> int:
        """Write every fact that is due before anything more is decided."""
        fired = 0
        while True:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                due = await deadlines.record_due(tx, shards, now=now, limit=RECORD_BATCH)
            self.observe("recorded", due)
            fired += len(due)
            if len(due) < RECORD_BATCH:
                return fired
            await self._emergencies()

    async def _decide_recorded(self) -> int:
        """Decide one batch of what was recorded; then emergencies and new facts have their turn."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await deadlines.claim_recorded(tx, limit=self._batch)
            await commands.fire(tx, self._engine, due, now=now)
        self.observe("decided", [deadline.due_at for deadline in due])
        return len(due)

    def observe(self, stage: str, due: Sequence[datetime]) -> None:
        """Measure how late a commit came: `fired` at once, or `recorded` first, then `decided`."""
        now = self._clock.now()
        for at in due:
            late = (now - at).total_seconds()
            telemetry.observe(telemetry.DEADLINE_LATENESS, late, stage=stage)
