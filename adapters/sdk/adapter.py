"""What an adapter is: a translation, and nothing but.

It never retries, sleeps, reads the environment, opens its own client or logs a payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.sdk.model import Delivery, Receipt, Strange, Update


@dataclass(frozen=True, slots=True)
class Page:
    """Updates in the order the agency made them, and the cursor to ask with next time.

    `cursor` must stand after the last update given and before anything not given, so that a crash
    after any record resumes without a loss; giving an update twice is harmless. `more` asks to be
    called again at once. `strange` is what could not be understood: it is quarantined and never
    blocks what comes after it.
    """

    updates: Sequence[Update]
    cursor: str
    more: bool = False
    strange: Sequence[Strange] = ()


class Inbound(Protocol):
    """Where a listener hands in what the agency pushes."""

    async def accept(self, updates: Sequence[Update], strange: Sequence[Strange] = ()) -> None:
        """Store the updates durably. When it returns, the agency may be told "taken"."""
        ...


class Adapter(Protocol):
    """Speaks one agency's protocol."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Carry one delivery in, under `delivery.delivery_id` as the idempotency key.

        Raises TransientError (surely not done), PermanentError (never will be), UnknownError (may
        be done). Called again after UnknownError only when `find` said that it is not there.
        """
        ...

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Return the receipt of an earlier attempt, or None when it is surely not there.

        Raises NotSupportedError where the agency cannot be asked.
        """
        ...

    async def fetch(self, cursor: str) -> Page:
        """Return what changed since `cursor` (empty at first). An adapter that is pushed to returns
        an empty page with the same cursor."""
        ...

    def listener(self, inbound: Inbound) -> Any | None:
        """Return an ASGI application that the agency calls, or None."""
        ...
