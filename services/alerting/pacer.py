"""Lets messages go that had to wait, writes the daily digests, and says who carries too much."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import structlog

from directory.model import Unit
from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database, Row
from mesh.errors import UnavailableError
from policies.model import Digest
from services.alerting import commands, notices, pacing
from services.alerting.commands import Engine
from services.alerting.domain.clocks import hours_of
from services.alerting.domain.pacing import Plan, plan
from services.alerting.tables import notification

log = structlog.get_logger(__name__)

HELD = "songtor.alerting.notifications_held"
OVER_CAP = "songtor.alerting.load_over_cap"
LOOK_EVERY = 1.0
BATCH = 2000
_NAMESPACE = UUID("4b6c1f0e-93f6-5d53-a1a4-9a1d6c3b7e21")
_BANGKOK = ZoneInfo("Asia/Bangkok")


class Pacer:
    """Decides about what waits. Several replicas may run: each message is claimed by one."""

    def __init__(self, database: Database, engine: Engine, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock
        self._over_cap: set[str] = set()

    async def run(self) -> None:
        """Look for ever: when something was written, and every so often."""
        while True:
            try:
                while await self.release_once():
                    continue
                await self.digests_once()
            except UnavailableError as error:
                log.warning("pacer_waits", reason=error.reason)
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    await self._engine.to_pace.wait()
            except TimeoutError:
                continue
            self._engine.to_pace.clear()

    async def release_once(self) -> int:
        """Decide about one batch of what waits; return how many messages may be sent now."""
        escalation = self._engine.policies.escalation
        now = self._clock.now()
        async with self._database.transaction() as tx:
            _, failed = await pacing.settle_bundles(tx, now=now)
            held = await pacing.waiting(tx, now=now, limit=BATCH)
            decided = Plan()
            if held:
                past = await pacing.past(tx, held, since=now - self._longest())
                decided = plan(held, past, escalation.priorities, now=now)
                await pacing.carry_out(tx, decided, now=now)
            if decided.released:
                tx.after_commit(self._engine.to_send.set)
        for _, reason in decided.held.values():
            telemetry.count(HELD, reason=reason)
        for alert_id in failed:
            await self._nobody_heard(alert_id, now)
        if decided.released:
            await self._weigh({message.recipient_id for message in held}, now)
        return len(decided.released)

    async def _nobody_heard(self, alert_id: UUID, now: datetime) -> None:
        async with self._database.transaction() as tx:
            if await notices.none_arrives(tx, alert_id):
                await commands.undeliverable(tx, self._engine, alert_id, now=now)

    def _longest(self) -> timedelta:
        """Return how far back what was sent still matters."""
        return max(
            (
                length
                for priority in self._engine.policies.escalation.priorities.values()
                for length in (priority.bundle, *(x.within for x in priority.limits.values()))
            ),
            default=timedelta(0),
        )

    async def _weigh(self, recipients: set[str], now: datetime) -> None:
        """Say once, per desk and time, that it is told of more than it can carry."""
        load = self._engine.policies.escalation.load
        if load is None:
            return
        async with self._database.transaction() as tx:
            found = await pacing.loads(tx, sorted(recipients), now=now, shift=load.shift)
        for recipient, alerts in found.items():
            if alerts <= load.cap:
                self._over_cap.discard(recipient)
            elif recipient not in self._over_cap:
                self._over_cap.add(recipient)
                log.warning("load_over_cap", recipient_id=recipient, alerts=alerts, cap=load.cap)
                telemetry.count(OVER_CAP)

    async def digests_once(self) -> int:
        """Write the digests whose hour has come today and that were not written yet."""
        return sum([await self._digest(d) for d in self._engine.policies.escalation.digests])

    async def _digest(self, digest: Digest) -> int:
        now = self._clock.now()
        here = now.astimezone(_BANGKOK)
        at = datetime.combine(here.date(), digest.at, _BANGKOK)
        rules = self._engine.rules()
        hours = hours_of(rules.hours, rules.calendar(digest.calendar))
        # Within the hour: a hub that was away all morning does not send yesterday's news at night.
        if not at <= here < at + timedelta(hours=1) or not hours.is_open(at):
            return 0
        async with self._database.transaction() as tx:
            rows = []
            for row in await pacing.standing(tx, digest.tier):
                desk = rules.snapshot.desks.get((digest.tier, row["scope"]))
                if desk is not None and desk.email and not desk.suspended:
                    rows.append(_digest_row(desk, digest, row, here, now))
            written = await tx.insert(
                notification,
                rows,
                tail="ON CONFLICT DO NOTHING RETURNING notification_id",
            )
            if written:
                tx.after_commit(self._engine.to_send.set)
        return len(written)


def _digest_row(
    desk: Unit, digest: Digest, row: Row, here: datetime, now: datetime
) -> dict[str, Any]:
    """Return one desk's digest of one day; written again it is the same."""
    day = here.date().isoformat()
    return {
        "notification_id": uuid5(_NAMESPACE, f"{desk.id}|{day}|{digest.channel}"),
        "alert_id": row["alert_id"],
        "case_id": row["case_id"],
        "step": 0,
        "round": -int(day.replace("-", "")),
        "recipient_id": desk.id,
        "channel": digest.channel,
        "address": desk.email,
        "rank": 2,
        "resend_unknown": False,
        "status": "pending",
        "status_at": now,
        "attempts": 0,
        "next_try_at": now,
        "leased_until": None,
        "history": "[]",
        "created_at": now,
        "form": "digest",
        "bundled": row["standing"],
        "released_at": now,
    }
