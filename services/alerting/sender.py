"""Sends what waits: claim, send, record. Safe to kill at any point.

A message is claimed in one transaction and recorded in another. Between the two its row says
`sending` under a lease; when the lease ends, the worker is dead and the message's fate `unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import UnavailableError
from services.alerting import commands, mail, notices
from services.alerting.commands import Engine
from services.alerting.domain import letters
from services.alerting.domain.recipients import excludes
from services.alerting.mail import Mailer, MailServer
from services.alerting.notices import Errand, Outcome

log = structlog.get_logger(__name__)

EMERGENCY, ANY = 0, 9
BATCH = 4
LOOK_EVERY = 0.5
GIVES_UP_HOPE_AFTER = 5
"""Attempts after which the next step is taken beside trying on."""
LONGEST_PAUSE = timedelta(seconds=60)


class Sender:
    """Keeps lanes that send, one of them for emergencies alone."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        clock: Clock,
        server: MailServer,
        *,
        console_url: str,
        lanes: int,
    ) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._server = server
        self._console_url = console_url.rstrip("/")
        self._lanes = lanes
        # A message is begun within one timeout of its claim and takes at most two.
        self._lease = timedelta(seconds=server.timeout * 3 + 5)

    async def run(self) -> None:
        """Send for ever."""
        async with asyncio.TaskGroup() as group:
            # However slow the others' messages are, an emergency finds a lane free.
            group.create_task(self._lane(EMERGENCY))
            for _ in range(self._lanes):
                group.create_task(self._lane(ANY))
            group.create_task(self._watch_leases())

    async def _lane(self, rank: int) -> None:
        async with Mailer(self._server) as mailer:
            while True:
                try:
                    if await self.send_once(mailer, rank=rank):
                        continue
                except UnavailableError as error:
                    log.warning("sender_waits", reason=error.reason)
                await mailer.rest()
                try:
                    # Not wait_for: on 3.11 it can lose a cancellation that meets its timeout.
                    async with asyncio.timeout(LOOK_EVERY):
                        await self._engine.to_send.wait()
                except TimeoutError:
                    continue
                self._engine.to_send.clear()

    async def send_once(self, mailer: Mailer, *, rank: int = ANY) -> int:
        """Send one batch; return how many messages were claimed."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            errands = await notices.claim(tx, rank=rank, limit=BATCH, lease=self._lease, now=now)
        for errand in errands:
            outcome = await self._send(mailer, errand)
            await self._record(errand, outcome)
        return len(errands)

    async def _send(self, mailer: Mailer, errand: Errand) -> Outcome:
        unit = self._engine.directory().units.get(errand.recipient_id)
        if unit is not None and excludes(errand.excluded, unit):
            # Learnt after the message was written: it is not sent.
            return Outcome(notices.CANCELLED, "conflict_of_interest")
        link = f"{self._console_url}/cases/{errand.occasion.reference}"
        letter = letters.write(self._engine.policies, errand.occasion, link)
        message = mail.compose(
            self._server,
            letter,
            errand.address,
            reference=errand.notification_id,
            at=self._clock.now(),
        )
        answer = await mailer.send(errand.address, message)
        return judge(errand, answer.verdict, answer.code)

    async def _record(self, errand: Errand, outcome: Outcome) -> None:
        now = self._clock.now()
        hopeless = outcome.status == notices.FAILED or (
            outcome.status == notices.PENDING and errand.attempts == GIVES_UP_HOPE_AFTER
        )
        async with self._database.transaction() as tx:
            await notices.record(tx, errand, outcome, now=now)
        telemetry.count(telemetry.NOTIFICATIONS, channel=errand.channel, status=outcome.status)
        log.info(
            "notification",
            notification_id=str(errand.notification_id),
            recipient_id=errand.recipient_id,
            status=outcome.status,
            code=outcome.code,
            attempt=errand.attempts,
        )
        if hopeless:
            async with self._database.transaction() as tx:
                if await notices.none_arrives(tx, errand.alert_id):
                    await commands.undeliverable(tx, self._engine, errand.alert_id, now=now)

    async def _watch_leases(self) -> None:
        while True:
            try:
                await self.take_over_once()
            except UnavailableError as error:
                log.warning("sender_waits", reason=error.reason)
            await asyncio.sleep(5)

    async def take_over_once(self) -> Sequence[object]:
        """Take over the messages of workers that died; return them."""
        async with self._database.transaction() as tx:
            found = await notices.take_over(tx, now=self._clock.now())
        for row in found:
            log.warning("notification_unknown", notification_id=str(row["notification_id"]))
            telemetry.count(telemetry.NOTIFICATIONS, channel="email", status="unknown")
        return found


def judge(errand: Errand, verdict: str, code: str) -> Outcome:
    """Return what an answer makes of a message: done, failed, tried again, or honestly unknown."""
    if verdict == mail.SENT:
        return Outcome(notices.SENT, code)
    if verdict == mail.REFUSED:
        return Outcome(notices.FAILED, code)
    if verdict == mail.UNKNOWN and not errand.resend_unknown:
        return Outcome(notices.UNKNOWN, code)
    pause = min(timedelta(seconds=2 ** min(errand.attempts - 1, 6)), LONGEST_PAUSE)
    return Outcome(notices.PENDING, f"{verdict}:{code}", pause)
