"""What should have fired, worked out anew from the events of each clock and from nothing else.

The auditor keeps a diary of its own: of every clock that it replays, when it will be breached. What
changed lately is replayed at each look, and so is a slice of all clocks that run, turn by turn; and
whatever the diary says is over is looked up: its fact must be there.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from mesh.database import Row, Transaction
from services.alerting import rows
from services.alerting.auditor.readings import PATIENCE, SAMPLE, Reading
from services.alerting.domain import clocks
from services.alerting.domain.clocks import BREACH, CaseClock, ClockEvent, Hours

SLICE = 5000
_OVERLAP = timedelta(seconds=30)
"""Longer than a transaction takes from its instant to its commit."""
_CHANGED = """
    SELECT DISTINCT clock_id FROM clock_event WHERE recorded_at > :since LIMIT 20000
"""
_TURN = """
    SELECT clock_id FROM clock WHERE clock_id > :after AND running_since IS NOT NULL
    ORDER BY clock_id LIMIT :limit
"""
_CLOCKS = """
    SELECT c.*, d.due_at AS armed_at, d.stage AS armed_stage, d.gen AS armed_gen,
        d.state AS armed_state,
        (SELECT min(b.breached_at) FROM breach b WHERE b.clock_id = c.clock_id) AS breached_at
    FROM clock c LEFT JOIN deadline d ON d.owner = c.clock_id
    WHERE c.clock_id = ANY(CAST(:ids AS uuid[]))
"""
_EVENTS = """
    SELECT * FROM clock_event WHERE clock_id = ANY(CAST(:ids AS uuid[])) ORDER BY clock_id, gen
"""


class Recomputation:
    """Replays clocks and compares with what alerting keeps and has done."""

    def __init__(self, hours: Hours) -> None:
        self.hours = hours
        self._since: datetime | None = None
        self._turn = UUID(int=0)
        self._diary: list[tuple[datetime, UUID]] = []

    async def look(self, tx: Transaction, *, now: datetime) -> list[Reading]:
        """Compare what changed, what is due by the diary, and the next slice of all."""
        since = self._since or now - timedelta(hours=1)
        ids = {row["clock_id"] for row in await tx.execute(_CHANGED, {"since": since - _OVERLAP})}
        ids |= await self._next_slice(tx)
        ids |= self._over(now)
        wrong: list[str] = []
        unfired: list[str] = []
        for batch in _batches(sorted(ids), 2000):
            events = await self._events(tx, batch)
            for row in await tx.execute(_CLOCKS, {"ids": batch}):
                told = events[row["clock_id"]]
                if not told or not self._agrees(row, told):
                    wrong.append(str(row["clock_id"]))
                elif self._missing(row, now):
                    unfired.append(str(row["clock_id"]))
        self._since = now
        return [
            Reading("clocks_wrong", len(wrong), tuple(wrong[:SAMPLE])),
            Reading("breaches_missing", len(unfired), tuple(unfired[:SAMPLE])),
        ]

    async def _next_slice(self, tx: Transaction) -> set[UUID]:
        found = await tx.execute(_TURN, {"after": self._turn, "limit": SLICE})
        self._turn = found[-1]["clock_id"] if len(found) == SLICE else UUID(int=0)
        return {row["clock_id"] for row in found}

    def _over(self, now: datetime) -> set[UUID]:
        over = set()
        while self._diary and self._diary[0][0] <= now - PATIENCE:
            over.add(heapq.heappop(self._diary)[1])
        return over

    async def _events(self, tx: Transaction, ids: list[UUID]) -> dict[UUID, list[ClockEvent]]:
        events: dict[UUID, list[ClockEvent]] = defaultdict(list)
        for row in await tx.execute(_EVENTS, {"ids": ids}):
            events[row["clock_id"]].append(rows.clock_event(row))
        return events

    def _agrees(self, row: Row, events: list[ClockEvent]) -> bool:
        """Whether clock and deadline are what the events make of them."""
        kept = rows.clock(row)
        replayed = clocks.replay(
            events,
            self.hours,
            case_id=kept.case_id,
            step=kept.step,
            warn=kept.warn,
            assignment_id=kept.assignment_id,
        )
        if _known(replayed) != _known(kept):
            return False
        due = clocks.reaches(replayed, self.hours, BREACH)
        if due is None or row["breached_at"] is not None:
            return True
        heapq.heappush(self._diary, (due, kept.clock_id))
        if row["armed_at"] is None or row["armed_gen"] != kept.gen or row["armed_state"] == 2:
            return False
        at = clocks.reaches(replayed, self.hours, row["armed_stage"])
        return bool(row["armed_state"] != 0 or at == row["armed_at"])

    def _missing(self, row: Row, now: datetime) -> bool:
        """Whether the clock ran out a while ago and no fact says so."""
        due = clocks.reaches(rows.clock(row), self.hours, BREACH)
        return due is not None and due <= now - PATIENCE and row["breached_at"] is None


def _known(clock: CaseClock) -> tuple[object, ...]:
    """Return what events say of a clock; that it was breached is said by a fact."""
    return (
        clock.frame_id, clock.calendar, clock.budget, clock.used, clock.running_since,
        clock.stopped_at, clock.gen,
    )  # fmt: skip


def _batches(ids: list[UUID], size: int) -> Iterable[list[UUID]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
