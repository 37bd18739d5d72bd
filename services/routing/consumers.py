"""Messages in, command: new cases from intake, news from agencies' systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import DecodeError

from mesh.clock import Clock
from mesh.consumer import park
from mesh.database import Transaction
from mesh.errors import InvalidArgumentError
from mesh.messaging import Message
from services.routing import wire
from services.routing.commands.hearing import hear
from services.routing.commands.opening import open_cases
from services.routing.commands.parts import Parts
from services.routing.topology import INBOUND_NEWS

T = TypeVar("T")


class CasesReported:
    """Opens the referrals of reported cases. One handler a durable: fast, and the others."""

    def __init__(self, durable: str, parts: Parts, clock: Clock) -> None:
        self._durable = durable
        self._parts = parts
        self._clock = clock

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Consumer's handler: one batch of `CaseReported`."""
        now = self._clock.now()
        cases, bad = _read(messages, lambda message: wire.new_case(message.payload))
        if cases:
            await open_cases(tx, self._parts, cases, now=now)
        if bad:
            await park(tx, self._durable, bad, now=now)


class AgencyNews:
    """Hears what agencies' systems did."""

    def __init__(self, parts: Parts, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Consumer's handler: one batch of `AgencyUpdate`."""
        now = self._clock.now()
        news, bad = _read(
            messages, lambda m: wire.news_of(m.message_id, m.subject.split(".")[2], m.payload)
        )
        if news:
            refused = await hear(tx, self._parts, news, now=now)
            bad += [
                (message, refused[message.message_id])
                for message in messages
                if message.message_id in refused
            ]
        if bad:
            await park(tx, INBOUND_NEWS.name, bad, now=now)


def _read(
    messages: Sequence[Message], read: Callable[[Message], T]
) -> tuple[list[T], list[tuple[Message, str]]]:
    """Read each message; what cannot be read is set aside and holds the others up no longer."""
    good: list[T] = []
    bad: list[tuple[Message, str]] = []
    for message in messages:
        try:
            good.append(read(message))
        except InvalidArgumentError as error:
            bad.append((message, error.reason))
        except (DecodeError, ValueError):
            bad.append((message, "UNREADABLE"))
    return good, bad
