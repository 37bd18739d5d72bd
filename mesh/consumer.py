"""Reading a durable: batch in, one transaction (inbox, effect, outbox, leaf), then acknowledge.

The one place where a message's failure is classed. Transient: asked for again later. Permanent, or
five attempts without an outcome: parked in PostgreSQL with a coded reason, counted, and
acknowledged, so that it holds nobody else back and nothing is lost.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from mesh import inbox, telemetry
from mesh.clock import Clock
from mesh.database import Database, Transaction
from mesh.errors import (
    AbortedError,
    ResourceExhaustedError,
    SongtorError,
    UnavailableError,
    UnknownOutcomeError,
)
from mesh.messaging import Bus, Message, Puller
from mesh.tables import parked_message
from mesh.topology import Durable, reconcile_subject

log = structlog.get_logger(__name__)

Handler = Callable[[Transaction, Sequence[Message]], Awaitable[None]]

# An unknown outcome as well: the message comes again under the same id.
_TRANSIENT = (UnavailableError, AbortedError, ResourceExhaustedError, UnknownOutcomeError)
_MAX_ATTEMPTS = 5


class Consumer:
    """Runs one handler over one durable. Several replicas may run at once.

    The handler gets only messages whose ids this consumer never claimed, inside the transaction
    that claims them; it must not touch anything outside that transaction.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        durable: Durable,
        handler: Handler,
        clock: Clock,
        *,
        batch: int = 256,
    ) -> None:
        self._database = database
        self._bus = bus
        self._durable = durable
        self._handler = handler
        self._clock = clock
        self._batch = batch

    async def run(self) -> None:
        """Consume for ever."""
        await self._bus.subscribe(
            reconcile_subject(self._durable.name), self._on_reconcile, queue=self._durable.name
        )
        puller: Puller = await self._bus.pull(self._durable, batch=self._batch)
        try:
            while True:
                await self.handle(await puller.next())
        finally:
            await puller.stop()

    async def handle(self, raw: Sequence[Msg]) -> None:
        """Take one batch to its end: every message is acknowledged, parked or asked for again."""
        messages: list[Message] = []
        for item in raw:
            message = read(item)
            if message is not None:
                messages.append(message)
            else:
                # No id, so not from an outbox of ours: nothing to claim it by.
                log.error("message_without_id", consumer=self._durable.name)
                await item.ack()
        if messages and not await self._try(messages):
            for message in messages:
                await self._one(message)

    async def _try(self, messages: Sequence[Message]) -> bool:
        """Do the whole batch at once; False when it has to be taken apart."""
        try:
            await self._effect(messages)
        except _TRANSIENT as error:
            log.info("batch_waits", consumer=self._durable.name, reason=error.reason)
            for message in messages:
                await message.retry_after(_pause(message.attempt))
            return True
        except Exception as error:  # noqa: BLE001 each message is tried alone and classed there
            if len(messages) > 1:
                log.warning(
                    "batch_taken_apart", consumer=self._durable.name, kind=type(error).__name__
                )
            return False
        for message in messages:
            await message.ack()
        return True

    async def _effect(self, messages: Sequence[Message]) -> None:
        with telemetry.consuming(self._durable.name, messages[0].headers, len(messages)):
            async with self._database.transaction() as tx:
                fresh = await inbox.claim(
                    tx,
                    self._durable.name,
                    [message.message_id for message in messages],
                    now=self._clock.now(),
                )
                todo = {m.message_id: m for m in messages if m.message_id in fresh}
                if todo:
                    await self._handler(tx, list(todo.values()))
        telemetry.count(telemetry.MESSAGES_CONSUMED, len(messages), consumer=self._durable.name)

    async def _one(self, message: Message) -> None:
        try:
            await self._effect_or_park(message)
        except _TRANSIENT:
            await message.retry_after(_pause(message.attempt))
            return
        except Exception:
            # Unknown to us; perhaps a restart elsewhere mends it. Loud, and again.
            log.exception("message_failed", consumer=self._durable.name)
            await message.retry_after(_pause(message.attempt))
            return
        await message.ack()

    async def _effect_or_park(self, message: Message) -> None:
        try:
            await self._effect([message])
        except _TRANSIENT:
            raise
        except (SongtorError, DecodeError) as error:
            await self._park(message, _reason(error))
        except Exception as error:
            if message.attempt < _MAX_ATTEMPTS:
                raise
            await self._park(message, _reason(error))

    async def _park(self, message: Message, reason: str) -> None:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await inbox.claim(tx, self._durable.name, [message.message_id], now=now)
            await park(tx, self._durable.name, [(message, reason)], now=now)

    async def _on_reconcile(self, request: Msg) -> None:
        ids = [UUID(bytes=request.data[i : i + 16]) for i in range(0, len(request.data), 16)]
        try:
            async with self._database.transaction() as tx:
                never_seen = await inbox.missing(tx, self._durable.name, ids)
        except UnavailableError:
            return  # no answer is an answer too: the asker tries again later
        await request.respond(b"".join(item.bytes for item in never_seen))


async def park(
    tx: Transaction, consumer: str, parked: Sequence[tuple[Message, str]], *, now: datetime
) -> None:
    """Set messages aside with coded reasons, in the caller's transaction.

    For handlers that judge each message of a batch themselves: one bad message then does not take
    its batch apart.
    """
    await tx.insert(
        parked_message,
        [
            {
                "consumer": consumer,
                "message_id": message.message_id,
                "subject": message.subject,
                "headers": json.dumps(dict(message.headers)),
                "payload": message.payload,
                "reason": reason,
                "parked_at": now,
            }
            for message, reason in parked
        ],
        tail="ON CONFLICT DO NOTHING",
    )

    def tell() -> None:
        telemetry.count(telemetry.MESSAGES_PARKED, len(parked), consumer=consumer)
        for message, reason in parked:
            log.error(
                "message_parked",
                consumer=consumer,
                message_id=str(message.message_id),
                reason=reason,
            )

    tx.after_commit(tell)


def read(raw: Msg) -> Message | None:
    """Return the message with its id, or None when it carries none."""
    headers = raw.headers or {}
    try:
        message_id = UUID(headers.get("Nats-Msg-Id", ""))
    except ValueError:
        return None
    return Message(
        message_id=message_id,
        subject=raw.subject,
        payload=raw.data,
        headers=headers,
        attempt=raw.metadata.num_delivered,
        raw=raw,
    )


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, SongtorError) else type(error).__name__


def _pause(attempt: int) -> float:
    """Return seconds to wait: doubling from 0.5 to 60, a quarter of it by chance."""
    base: float = min(60.0, 0.5 * 2.0 ** min(attempt - 1, 10))
    return base * (0.75 + 0.25 * random.random())  # noqa: S311 spreads load, guards nothing
