"""Streams, durable consumers and who may use which subject: declared by rooms, made by migration.

Workers never create a stream or a consumer: one with a misspelt name would otherwise invent it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class Stream:
    """What one owner publishes. A full stream refuses; it never drops what it holds."""

    name: str
    subjects: tuple[str, ...]
    max_bytes: int = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Durable:
    """A reader's place in a stream, shared by all its replicas. Named `<process>-<purpose>`."""

    name: str
    stream: str
    subjects: tuple[str, ...]
    max_ack_pending: int = 512
    # Short, so that the tail of a crash is short; slow work asks for more time.
    ack_wait_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Grant:
    """What one process may say and hear on the broker, by its SPIFFE id."""

    identity: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def grant(
    identity: str,
    *,
    streams: Iterable[Stream] = (),
    durables: Iterable[Durable] = (),
    publish: Iterable[str] = (),
    subscribe: Iterable[str] = (),
) -> Grant:
    """Return the least a process needs to own `streams` and to read `durables`."""
    inbox = inbox_prefix(identity)
    says = [*publish]
    hears = [f"{inbox}.>", *subscribe]
    for stream in streams:
        says += [*stream.subjects, f"$JS.API.CONSUMER.LIST.{stream.name}", "reconcile.v1.>"]
    for durable in durables:
        says += [
            f"$JS.API.CONSUMER.MSG.NEXT.{durable.stream}.{durable.name}",
            f"$JS.ACK.{durable.stream}.{durable.name}.>",
        ]
        hears.append(reconcile_subject(durable.name))
    return Grant(identity, tuple(dict.fromkeys(says)), tuple(dict.fromkeys(hears)))


def inbox_prefix(identity: str) -> str:
    """Return the prefix of a process's reply subjects: its own, so nobody else may listen."""
    kind, _, name = identity.removeprefix("spiffe://songtor/").partition("/")
    return f"_INBOX.{kind}.{name}"


def reconcile_subject(durable: str) -> str:
    """Return the subject on which a durable's owner answers which messages it never saw."""
    return f"reconcile.v1.{durable}"


async def apply(
    js: JetStreamContext, streams: Sequence[Stream], durables: Sequence[Durable], *, replicas: int
) -> None:
    """Create or update everything declared; safe to repeat, never deletes."""
    for stream in streams:
        config = StreamConfig(
            name=stream.name,
            subjects=list(stream.subjects),
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            max_bytes=stream.max_bytes,
            max_age=14 * _DAY,
            duplicate_window=_DAY,
            num_replicas=replicas,
            deny_delete=True,
            deny_purge=True,
        )
        try:
            await js.update_stream(config)
        except NotFoundError:
            await js.add_stream(config)
    for durable in durables:
        await js.add_consumer(
            durable.stream,
            ConsumerConfig(
                durable_name=durable.name,
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=durable.ack_wait_seconds,
                # The broker hides a message after a limit; we count attempts and park it ourselves.
                max_deliver=-1,
                max_ack_pending=durable.max_ack_pending,
                filter_subjects=list(durable.subjects),
                num_replicas=replicas,
            ),
        )
