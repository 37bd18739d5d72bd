"""One look after another: ask everything, keep the answers, and beat only when all are zero."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import httpx2
import structlog
from prometheus_client import Gauge

from mesh.clock import Clock
from mesh.database import Database, Transaction
from mesh.errors import SongtorError, UnavailableError
from services.alerting import calendars
from services.alerting.auditor import readings
from services.alerting.auditor.readings import Reading
from services.alerting.auditor.recompute import Recomputation
from services.alerting.domain import coverage
from services.alerting.domain.casefile import Rules
from services.alerting.tables import reading as reading_table

log = structlog.get_logger(__name__)

FOUND = Gauge("songtor_alerting_audit_found", "What is not as it must be; -1: unknown", ["reading"])
UNKNOWN = -1
PULSES = ("engine_silent", "clock_skewed", "rules_differ", "rules_unapproved")
Ask = Callable[[Transaction, datetime], Awaitable[Sequence[Reading]]]


class Auditor:
    """Looks at the ledger by its own connection, its own clock and its own copy of the rules."""

    def __init__(
        self, database: Database, clock: Clock, rules: Callable[[], Rules], *, heartbeat_url: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules
        self._heartbeat_url = heartbeat_url
        self._recomputation: Recomputation | None = None

    async def run(self, *, every: float) -> None:
        """Look for ever."""
        async with httpx2.AsyncClient(timeout=5) as client:
            while True:
                started = time.monotonic()
                found = await self.look()
                if all(reading.found == 0 for reading in found):
                    await self._beat(client)
                await asyncio.sleep(max(1.0, every - (time.monotonic() - started)))

    async def look(self) -> list[Reading]:
        """Ask every question once; one that fails is answered `unknown`, never left out."""
        found: list[Reading] = []
        for name in readings.RECONCILERS:
            found += await self._ask((name,), self._reconciler(name))
        found += await self._ask(PULSES, self._pulses)
        found += await self._ask(("clocks_wrong", "breaches_missing"), self._recompute)
        found += await self._ask(("desks_missing",), self._desks)
        for reading in found:
            FOUND.labels(reading.name).set(reading.found)
            if reading.found:
                log.error("audit", reading=reading.name, found=reading.found, sample=reading.sample)
        await self._keep(found)
        return found

    async def _ask(self, names: Sequence[str], ask: Ask) -> Sequence[Reading]:
        try:
            async with self._database.transaction() as tx:
                return await ask(tx, self._clock.now())
        except SongtorError as error:
            log.warning("audit_unanswered", readings=names, reason=error.reason)
        except Exception:
            # Whatever it is: the auditor must neither stop nor take this for well.
            log.exception("audit_failed", readings=names)
        return [Reading(name, UNKNOWN) for name in names]

    def _reconciler(self, name: str) -> Ask:
        async def ask(tx: Transaction, now: datetime) -> Sequence[Reading]:
            return [await readings.reconcile(tx, name, now=now)]

        return ask

    async def _pulses(self, tx: Transaction, now: datetime) -> Sequence[Reading]:
        own = self._rules().policies.versions["escalation"].digest
        return [
            *await readings.pulses(tx, now=now, rules=own),
            await readings.approval(tx, rules=own),
        ]

    async def _recompute(self, tx: Transaction, now: datetime) -> Sequence[Reading]:
        if self._recomputation is None:
            self._recomputation = Recomputation({})
        self._recomputation.hours = {**await calendars.recall(tx), **self._rules().hours}
        return await self._recomputation.look(tx, now=now)

    async def _desks(self, _: Transaction, now: datetime) -> Sequence[Reading]:
        hours = [now + timedelta(hours=n) for n in range(0, 7 * 24, 6)]
        found = [
            f"{gap.tier}:{gap.scope}:{gap.why}" for gap in coverage.gaps(self._rules(), at=hours)
        ]
        distinct = sorted(set(found))
        return [Reading("desks_missing", len(distinct), tuple(distinct[: readings.SAMPLE]))]

    async def _keep(self, found: Sequence[Reading]) -> None:
        try:
            async with self._database.transaction() as tx:
                await tx.insert(
                    reading_table,
                    [
                        {
                            "name": reading.name,
                            "read_at": self._clock.now(),
                            "found": reading.found,
                            "sample": json.dumps(reading.sample),
                        }
                        for reading in found
                    ],
                    tail="ON CONFLICT (name) DO UPDATE SET read_at = excluded.read_at,"
                    " found = excluded.found, sample = excluded.sample",
                )
        except UnavailableError as error:
            log.warning("audit_not_kept", reason=error.reason)

    async def _beat(self, client: httpx2.AsyncClient) -> None:
        if not self._heartbeat_url:
            return
        try:
            answer = await client.post(self._heartbeat_url)
            answer.raise_for_status()
        except httpx2.HTTPError as error:
            # Whoever waits for it hears nothing and raises the alarm, which is right.
            log.error("heartbeat_unheard", kind=type(error).__name__)
