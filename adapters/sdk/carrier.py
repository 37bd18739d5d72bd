"""Carrying deliveries in: each once, in order within its case, never resent while unknown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from adapters.sdk import ledger, wire
from adapters.sdk.adapter import Adapter
from adapters.sdk.errors import NotSupportedError, PermanentError, TransientError, UnknownError
from adapters.sdk.ledger import Claimed, Settlement
from adapters.sdk.model import Delivery, Receipt
from adapters.sdk.topology import news
from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database, Transaction
from mesh.errors import UnavailableError
from mesh.messaging import Event, Message
from mesh.outbox import Outbox
from songtor.routing.v1 import events_pb2
from songtor.type.v1 import type_pb2

log = structlog.get_logger(__name__)

_PRIORITIES = {type_pb2.URGENCY_CRISIS: 1, type_pb2.URGENCY_URGENT: 5}
# A crash loop ends in a person's hands, not in the thousandth attempt.
_MAX_ATTEMPTS = 12


@dataclass(frozen=True, slots=True)
class _Outcome:
    settlement: Settlement
    delivery: Delivery
    receipt: Receipt | None


class Carrier:
    """Takes deliveries from the broker into the ledger, and from the ledger into the agency."""

    def __init__(
        self,
        agency: str,
        adapter: Adapter,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        *,
        concurrency: int,
        timeout: float,
    ) -> None:
        self._agency = agency
        self._subject = news(agency).subjects[0]
        self._adapter = adapter
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._concurrency = concurrency
        self._timeout = timeout
        self._arrived = asyncio.Event()

    async def take(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Consumer's handler: the ledger remembers from here on, so the broker may forget."""
        now = self._clock.now()
        rows = []
        for message in messages:
            request = events_pb2.DeliveryRequested.FromString(message.payload)
            rows.append(
                {
                    "delivery_id": UUID(request.delivery_id),
                    "case_id": UUID(request.scope.case_id),
                    "case_seq": request.case_seq,
                    "assignment_id": UUID(request.assignment.assignment_id),
                    "priority": 0
                    if request.scope.ess_cause
                    else _PRIORITIES.get(request.scope.urgency, 7),
                    "payload": message.payload,
                    "state": "pending",
                    "next_at": now,
                    "received_at": now,
                }
            )
        await ledger.add(tx, rows)
        tx.after_commit(self._arrived.set)

    async def run(self) -> None:
        """Carry for ever: at once when something arrives, every 200 ms for what is due again."""
        while True:
            self._arrived.clear()
            try:
                while await self.carry_once():
                    continue
            except UnavailableError as error:
                log.warning("carrier_waits", reason=error.reason)
            try:
                async with asyncio.timeout(0.2):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    async def carry_once(self) -> int:
        """Attempt what is due and next in its case; return how many were attempted."""
        async with self._database.transaction() as tx:
            claimed = await ledger.claim(
                tx,
                now=self._clock.now(),
                # Longer than any call may take: a live worker is never given up.
                lease=timedelta(seconds=2 * self._timeout + 5),
                limit=self._concurrency,
            )
        if not claimed:
            return 0
        outcomes = await asyncio.gather(*[self._attempt(item) for item in claimed])
        await self._settle(outcomes)
        return len(claimed)

    async def _attempt(self, claimed: Claimed) -> _Outcome:
        delivery = wire.delivery_from_bytes(claimed.payload)
        if claimed.attempts > _MAX_ATTEMPTS:
            return self._outcome(claimed, delivery, "parked", "TOO_MANY_ATTEMPTS")
        try:
            with telemetry.span("deliver", agency=self._agency, kind=delivery.kind):
                receipt = await self._carry(claimed, delivery)
        except TransientError as error:
            pause = error.retry_after or _pause(claimed.attempts)
            return self._outcome(claimed, delivery, "pending", error.reason, pause=pause)
        except (UnknownError, TimeoutError) as error:
            reason = error.reason if isinstance(error, UnknownError) else "TIMEOUT"
            return self._outcome(
                claimed, delivery, "unknown", reason, pause=_pause(claimed.attempts)
            )
        except NotSupportedError:
            return self._outcome(claimed, delivery, "parked", "UNKNOWN_OUTCOME")
        except PermanentError as error:
            return self._outcome(claimed, delivery, "parked", error.reason)
        return self._outcome(claimed, delivery, "delivered", "", receipt=receipt)

    async def _carry(self, claimed: Claimed, delivery: Delivery) -> Receipt:
        async with asyncio.timeout(2 * self._timeout):
            if claimed.was != "pending":
                # An earlier attempt may have worked: ask before sending again.
                found = await self._adapter.find(delivery)
                if found is not None:
                    return found
            return await self._adapter.deliver(delivery)

    def _outcome(
        self,
        claimed: Claimed,
        delivery: Delivery,
        state: str,
        reason: str,
        *,
        pause: float = 0.0,
        receipt: Receipt | None = None,
    ) -> _Outcome:
        telemetry.count(telemetry.DELIVERIES, agency=self._agency, outcome=state)
        if state != "delivered":
            log.warning(
                "delivery_not_carried",
                agency=self._agency,
                delivery_id=delivery.delivery_id,
                state=state,
                reason=reason,
                attempt=claimed.attempts,
            )
        return _Outcome(
            Settlement(
                claimed.delivery_id,
                claimed.epoch,
                state,
                next_at=self._clock.now() + timedelta(seconds=pause),
                reason=reason,
                agency_record_id=receipt.agency_record_id if receipt else "",
            ),
            delivery,
            receipt,
        )

    async def _settle(self, outcomes: Sequence[_Outcome]) -> None:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            ours = await ledger.settle(tx, [o.settlement for o in outcomes], now=now)
            kept = [o for o in outcomes if o.settlement.delivery_id in ours]
            await self._outbox.append(
                tx, [event for o in kept if (event := self._news(o, now)) is not None]
            )
            await ledger.record_losses(
                tx,
                [
                    (o.settlement.delivery_id, o.receipt.losses)
                    for o in kept
                    if o.receipt is not None and o.receipt.losses
                ],
                now=now,
            )

    def _news(self, outcome: _Outcome, now: datetime) -> Event | None:
        if outcome.receipt is not None:
            event_id, payload = wire.delivered(
                self._agency, outcome.delivery, outcome.receipt, now=now
            )
        elif outcome.settlement.state == "parked":
            event_id, payload = wire.parked(
                self._agency, outcome.delivery, outcome.settlement.reason, now=now
            )
        else:
            return None
        return Event(event_id, self._subject, payload)


def _pause(attempt: int) -> float:
    """Return seconds until the next attempt: doubling from 0.5 to 300, a quarter by chance."""
    base: float = min(300.0, 0.5 * 2.0 ** min(attempt - 1, 10))
    return base * (0.75 + 0.25 * random.random())  # noqa: S311 spreads load, guards nothing
