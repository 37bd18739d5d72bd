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
from adapters.sdk.topology import durable, news
from mesh import telemetry
from mesh.clock import Clock
from mesh.consumer import park
from mesh.database import Database, Transaction
from mesh.errors import UnavailableError
from mesh.messaging import Event, Message
from mesh.outbox import Outbox

log = structlog.get_logger(__name__)

# A crash loop ends in a person's hands. An agency that is away is waited for, however long.
_MAX_CRASHES = 5


@dataclass(frozen=True, slots=True)
class _Outcome:
    settlement: Settlement
    claimed: Claimed
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
        self._under_way: dict[asyncio.Task[_Outcome], UUID] = {}
        self._something = asyncio.Event()

    async def take(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Consumer's handler: the ledger remembers from here on, so the broker may forget."""
        now = self._clock.now()
        rows: list[dict[str, object]] = []
        taken: list[Message] = []
        strange: list[tuple[Message, str]] = []
        for message in messages:
            try:
                rows.append(wire.ledger_row(message.payload, now=now))
                taken.append(message)
            except ValueError:
                strange.append((message, "UNREADABLE"))
        here = await ledger.add(tx, rows)
        for message, row in zip(taken, rows, strict=True):
            if row["delivery_id"] not in here:
                # Two deliveries under one number: dropping either in silence would lose it.
                strange.append((message, "NUMBER_TAKEN"))
        if strange:
            await park(tx, durable(self._agency).name, strange, now=now)
        tx.after_commit(self._something.set)

    async def run(self) -> None:
        """Carry for ever: what is due goes at once, and a slow answer holds back its case alone."""
        try:
            while True:
                self._something.clear()
                try:
                    if await self._turn():
                        continue
                except UnavailableError as error:
                    log.warning("carrier_waits", reason=error.reason)
                try:
                    async with asyncio.timeout(0.2):
                        await self._something.wait()
                except TimeoutError:
                    continue
        finally:
            # What they did is unknown: the next worker asks before it sends.
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            self._under_way.clear()

    async def carry_once(self) -> int:
        """Attempt what is due and next in its case, to the end; return how many were attempted."""
        begun = await self._turn()
        if self._under_way:
            await asyncio.wait(self._under_way)
            await self._turn(claim=False)
        return begun

    async def _turn(self, *, claim: bool = True) -> int:
        """Settle what ended and begin what is due, in one transaction; return how many began."""
        ended = {task for task in self._under_way if task.done()}
        failed = [task for task in ended if task.cancelled() or task.exception() is not None]
        free = self._concurrency - len(self._under_way) + len(ended)
        claimed: list[Claimed] = []
        async with self._database.transaction() as tx:
            await self._settle(tx, [task.result() for task in ended if task not in failed])
            if claim and free > 0 and not failed:
                claimed = await ledger.claim(
                    tx,
                    now=self._clock.now(),
                    # Longer than any call may take: a live worker is never given up.
                    lease=timedelta(seconds=2 * self._timeout + 5),
                    limit=free,
                    mine=self._under_way.values(),
                )
        for task in ended:
            del self._under_way[task]
        for task in failed:
            # Loud: nobody knows what this was. The outcomes of the others are safe by now.
            task.result()
        for item in claimed:
            task = asyncio.create_task(self._attempt(item))
            task.add_done_callback(lambda _: self._something.set())
            self._under_way[task] = item.delivery_id
        return len(claimed)

    async def _attempt(self, claimed: Claimed) -> _Outcome:
        if claimed.crashes >= _MAX_CRASHES:
            return self._outcome(claimed, "parked", "TOO_MANY_CRASHES")
        try:
            delivery = wire.delivery_from_bytes(claimed.payload)
        except (KeyError, ValueError):
            return self._outcome(claimed, "parked", "UNREADABLE")
        return await self._judged(claimed, delivery)

    async def _judged(self, claimed: Claimed, delivery: Delivery) -> _Outcome:
        """Carry it and class what happened by what must happen next."""
        try:
            with telemetry.span("deliver", agency=self._agency, kind=delivery.kind):
                receipt = await self._carry(claimed, delivery)
        except TransientError as error:
            pause = error.retry_after or _pause(claimed.attempts)
            return self._outcome(claimed, "pending", error.reason, pause=pause)
        except (UnknownError, TimeoutError) as error:
            reason = error.reason if isinstance(error, UnknownError) else "TIMEOUT"
            return self._outcome(claimed, "unknown", reason, pause=_pause(claimed.attempts))
        except NotSupportedError:
            return self._outcome(claimed, "parked", "UNKNOWN_OUTCOME")
        except PermanentError as error:
            return self._outcome(claimed, "parked", error.reason)
        return self._outcome(claimed, "delivered", "", receipt=receipt)

    async def _carry(self, claimed: Claimed, delivery: Delivery) -> Receipt:
        async with asyncio.timeout(2 * self._timeout):
            if claimed.was != "pending":
                # An earlier attempt may have worked: ask before sending again.
                found = await self._find(delivery)
                if found is not None:
                    return found
            return await self._adapter.deliver(delivery)

    async def _find(self, delivery: Delivery) -> Receipt | None:
        try:
            return await self._adapter.find(delivery)
        except TransientError as error:
            # Nobody answered, so it is as unknown as before; only "not there" allows sending again.
            raise UnknownError(error.reason) from error

    def _outcome(
        self,
        claimed: Claimed,
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
                delivery_id=str(claimed.delivery_id),
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
                reason=wire.storable(reason),
                agency_record_id=wire.storable_id(receipt.agency_record_id) if receipt else "",
            ),
            claimed,
            receipt,
        )

    async def _settle(self, tx: Transaction, outcomes: Sequence[_Outcome]) -> None:
        if not outcomes:
            return
        now = self._clock.now()
        ours = await ledger.settle(tx, [o.settlement for o in outcomes], now=now)
        kept = [o for o in outcomes if o.claimed.delivery_id in ours]
        await self._outbox.append(
            tx, [event for o in kept if (event := self._news(o, now)) is not None]
        )
        await ledger.record_losses(
            tx,
            [
                (o.claimed.delivery_id, [wire.storable(loss) for loss in o.receipt.losses])
                for o in kept
                if o.receipt is not None and o.receipt.losses
            ],
            now=now,
        )

    def _news(self, outcome: _Outcome, now: datetime) -> Event | None:
        which = (self._agency, outcome.claimed.delivery_id, outcome.claimed.assignment_id)
        if outcome.receipt is not None:
            event_id, payload = wire.delivered(*which, outcome.receipt, now=now)
        elif outcome.settlement.state == "parked":
            event_id, payload = wire.parked(*which, outcome.settlement.reason, now=now)
        else:
            return None
        return Event(event_id, self._subject, payload)


def _pause(attempt: int) -> float:
    """Return seconds until the next attempt: doubling from 0.5 to 300, a quarter by chance."""
    base: float = min(300.0, 0.5 * 2.0 ** min(attempt - 1, 10))
    return base * (0.75 + 0.25 * random.random())  # noqa: S311 spreads load, guards nothing
