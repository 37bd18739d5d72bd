"""What alerting hears of cases and assignments."""

from __future__ import annotations

from collections.abc import Sequence

from mesh.clock import Clock
from mesh.database import Transaction
from mesh.messaging import Message
from services.alerting import commands, wire
from services.alerting.commands import Engine


class CasesHeard:
    """Handles batches of both durables: events may come in any order and by either."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Start and stop clocks, raise what must not wait."""
        told = [happening for m in messages if (happening := wire.happening_of(m)) is not None]
        if told:
            await commands.take_in(tx, self._engine, told, now=self._clock.now())
