"""NATS: one connection a process, publishing with acknowledgement, pulling without waiting.

A message's headers are CloudEvents attributes and the trace context; subjects and headers carry
opaque ids only. JetStream may lose, repeat or reorder: the outbox and the inbox make up for it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4
from weakref import WeakSet

import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from mesh.errors import UnavailableError
from mesh.identity import Identity
from mesh.topology import Durable, inbox_prefix

log = structlog.get_logger(__name__)

_HEARTBEAT_NS = 2_000_000_000
_EXPIRES_NS = 30_000_000_000
_HEADER_FRAME = 16
# Trying again would not help these.
_NEVER = (MaxPayloadError, BadSubjectError, BadHeaderError)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, ready to be told. `event_id` is its identity everywhere."""

    event_id: UUID
    subject: str
    payload: bytes
    priority: int = 5
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came. `attempt` counts deliveries by the broker, from 1."""

    message_id: UUID
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    attempt: int
    raw: Msg

    async def ack(self) -> None:
        """Say that its effect is committed."""
        await self.raw.ack()

    async def retry_after(self, seconds: float) -> None:
        """Ask for it again later."""
        await self.raw.nak(delay=seconds)


class Bus:
    """The connection to NATS under this process's identity; reconnects for ever."""

    def __init__(self, client: Client, prefix: str) -> None:
        self.client = client
        # Replicas share an identity, and so what they may hear: a place of its own keeps each from
        # taking another's messages and acknowledgements for its own.
        self._place = f"{prefix}.{uuid4().hex[:12]}"
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._acks: Subscription | None = None
        self._pullers: WeakSet[Puller] = WeakSet()

    @property
    def jetstream(self) -> JetStreamContext:
        """The management side; used by migrations and tests."""
        return self.client.jetstream()

    @property
    def connected(self) -> bool:
        """Whether the connection stands now."""
        return bool(self.client.is_connected)

    async def publish(self, events: Sequence[Event], *, timeout: float = 5.0) -> list[int | None]:
        """Publish all at once and return the stream's sequence number of each.

        None means *unknown*: no acknowledgement came in time, or the stream refused. Publishing the
        same event again is harmless. An event that the broker would never take is None too, and
        does not keep the others back.
        """
        if not events:
            return []
        if not self.connected:
            raise UnavailableError("the broker is away", reason="BROKER_UNAVAILABLE")
        prefix = f"{self._place}.pub"
        if self._acks is None:
            self._acks = await self.client.subscribe(f"{prefix}.*", cb=self._on_ack)
        futures: list[tuple[str, asyncio.Future[bytes]]] = []
        loop = asyncio.get_running_loop()
        try:
            for event in events:
                token = f"{prefix}.{next(self._tokens)}"
                future: asyncio.Future[bytes] = loop.create_future()
                self._waiting[token] = future
                futures.append((token, future))
                try:
                    await self._send(event, token)
                except _NEVER as error:
                    log.error(
                        "event_unpublishable",
                        event_id=str(event.event_id),
                        kind=type(error).__name__,
                    )
                    future.cancel()
            await asyncio.wait([future for _, future in futures], timeout=timeout)
        except (NatsError, OSError) as error:
            raise UnavailableError("the broker is away", reason="BROKER_UNAVAILABLE") from error
        finally:
            for token, _ in futures:
                self._waiting.pop(token, None)
        return [_sequence(future) for _, future in futures]

    async def _send(self, event: Event, token: str) -> None:
        headers = {**event.headers, "Nats-Msg-Id": str(event.event_id)}
        size = len(event.payload) + sum(
            len(k.encode()) + len(v.encode()) + 4 for k, v in headers.items()
        )
        if size + _HEADER_FRAME > self.client.max_payload:
            # The client counts the payload alone; the server would answer by hanging up.
            raise MaxPayloadError
        await self.client.publish(event.subject, event.payload, reply=token, headers=headers)

    async def _on_ack(self, message: Msg) -> None:
        future = self._waiting.get(message.subject)
        if future is not None and not future.done():
            future.set_result(message.data)

    async def ask(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Ask one process over core NATS; used for reconciling, never for a command."""
        try:
            reply = await self.client.request(subject, payload, timeout=timeout)
        except (NatsError, OSError, TimeoutError) as error:
            raise UnavailableError("nobody answers", reason="NOBODY_ANSWERS") from error
        return bytes(reply.data)

    async def subscribe(
        self, subject: str, handle: Callable[[Msg], Awaitable[None]], *, queue: str = ""
    ) -> None:
        """Hear core messages; with `queue`, one process of the queue hears each."""
        await self.client.subscribe(subject, queue=queue, cb=handle)

    async def pull(self, durable: Durable, *, batch: int) -> Puller:
        """Start pulling from a durable consumer, at most `batch` messages ahead."""
        inbox = f"{self._place}.pull.{next(self._tokens)}"
        puller = Puller(self.client, durable, inbox, batch)
        await puller.start()
        self._pullers.add(puller)
        return puller

    def renew(self) -> None:
        """Ask anew for what was asked of a connection that is gone."""
        for puller in self._pullers:
            puller.renew()

    async def close(self) -> None:
        """Leave the broker; what was published and acknowledged stays."""
        # A connection that is broken already cannot be closed in order, and need not be.
        with suppress(ConnectionError, NatsError):
            if self.connected:
                await self.client.flush(timeout=1)
        # The client would write what is left to a connection that may be gone, and stumble over it.
        self.client._pending_data_size = 0  # noqa: SLF001 there is no other way to say so
        with suppress(ConnectionError, NatsError):
            await self.client.close()


def _sequence(future: asyncio.Future[bytes]) -> int | None:
    if not future.done() or future.cancelled():
        return None
    answer = json.loads(future.result() or b"{}")
    if "error" in answer or "seq" not in answer:
        log.warning("publish_refused", code=answer.get("error", {}).get("err_code"))
        return None
    return int(answer["seq"])


class Puller:
    """Keeps a pull request open, so a lone message comes at once and a backlog comes in batches.

    A request lost with a connection or a broker is noticed by the missing heartbeat and renewed.
    """

    def __init__(self, client: Client, durable: Durable, inbox: str, batch: int) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}"
        self._inbox = inbox
        self._batch = batch
        self._messages: list[Msg] = []
        self._arrived = asyncio.Event()
        self._asked = 0
        self._refused = False
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Listen for what the pull requests bring."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._on_message)

    async def stop(self) -> None:
        """Stop listening; what was not acknowledged comes again to another worker."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()

    def renew(self) -> None:
        """Take what was asked for as lost, and ask again at once."""
        self._asked = 0
        self._arrived.set()

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is None:
            self._asked -= 1
            self._messages.append(message)
        elif status != "100":
            # This request is over, whatever was left of it. 408 is its own end; the others say that
            # the consumer is away or gone, and asking faster would not bring it back.
            self._asked = 0
            self._refused = status != "408"
        self._arrived.set()

    async def next(self) -> list[Msg]:
        """Wait for messages and return all that are here, at most the batch."""
        while not self._messages:
            # Before asking: what comes while the request is on its way out must not be slept over.
            self._arrived.clear()
            if self._asked <= 0:
                await self._ask()
            try:
                async with asyncio.timeout(3 * _HEARTBEAT_NS / 1e9):
                    await self._arrived.wait()
            except TimeoutError:
                self._asked = 0
        taken, self._messages = self._messages[: self._batch], self._messages[self._batch :]
        if self._asked < self._batch // 2 and len(self._messages) < self._batch:
            await self._ask()
        return taken

    async def _ask(self) -> None:
        if self._refused:
            self._refused = False
            await asyncio.sleep(0.5)
        request = {
            "batch": self._batch,
            "expires": _EXPIRES_NS,
            "idle_heartbeat": _HEARTBEAT_NS,
        }
        # Counted first: its messages may be here before the request's own await is over.
        self._asked = max(self._asked, 0) + self._batch
        try:
            await self._client.publish(
                self._subject, json.dumps(request).encode(), reply=self._inbox
            )
        except (NatsError, OSError):
            # Not connected: the heartbeat's absence brings us back here.
            self._asked = 0
            await asyncio.sleep(0.2)


async def connect(url: str, identity: Identity | None) -> Bus:
    """Connect and stay connected. `identity` is None only where tests run a broker without TLS."""
    peer = identity.peer() if identity else "spiffe://songtor/tool/test"
    prefix = inbox_prefix(peer)
    joined: list[Bus] = []

    async def on_error(error: Exception) -> None:
        log.warning("broker_error", kind=type(error).__name__)

    async def on_disconnect() -> None:
        log.warning("broker_disconnected")

    async def on_reconnect() -> None:
        log.info("broker_reconnected")
        for bus in joined:
            bus.renew()

    client = await nats.connect(
        servers=url.split(","),
        name=peer,
        tls=identity.client_context() if identity else None,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        connect_timeout=5,
        ping_interval=5,
        max_outstanding_pings=2,
        inbox_prefix=prefix,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
    )
    joined.append(Bus(client, prefix))
    return joined[0]
