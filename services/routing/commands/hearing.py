"""News from agencies' systems: hostile input that may be late, early, doubled or wrong.

The agency is the one that the broker proved by subject. News of a thing that is not its own is
dropped as if the thing did not exist; only an audit leaf remembers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh import telemetry
from mesh.audit import Leaf
from mesh.database import Row, Transaction
from mesh.errors import SongtorError
from services.routing import wire
from services.routing.commands.acting import perform
from services.routing.commands.journal import Journal
from services.routing.commands.parts import Parts
from services.routing.domain import consequences, lifecycle
from services.routing.domain.lifecycle import Verdict
from services.routing.domain.model import Act, Action, Assignment
from services.routing.storage import deliveries, referrals, updates
from services.routing.storage.deliveries import ReceiptFact
from services.routing.storage.referrals import Entry
from services.routing.wire import News, NewsKind

AHEAD = timedelta(minutes=10)
"""How far an agency's clock may run ahead of ours before its news is set aside."""
HELD_AT_MOST = 20
"""News that waits for one assignment; more is no mishap of order."""
ALARM_AFTER = timedelta(minutes=10)
"""News that has waited so long for its turn is shown to a person; it still waits."""

APPLIED, IGNORED, HELD, REFUSED, STRANGE = "applied", "ignored", "held", "refused", "not_its_own"


async def hear(
    tx: Transaction, parts: Parts, news: Sequence[News], *, now: datetime
) -> dict[UUID, str]:
    """Take the news in order; return what is to be set aside for a person, with coded reasons."""
    book = await referrals.lock_assignments(tx, [item.assignment_id for item in news])
    receipts = [item.delivery_id for item in news if item.delivery_id is not None]
    carried = await deliveries.find(tx, receipts) if receipts else {}
    held = [entry_id for entry_id, entry in book.items() if entry.assignment.held]
    waiting = await updates.held_for(tx, held) if held else {}
    hearing = _Hearing(Journal(parts, now=now), parts, book, carried, waiting, now)
    for item in news:
        hearing.take(item)
    await hearing.write(tx)
    return hearing.parked


@dataclass(slots=True)
class _Hearing:
    """One batch of news against the assignments it is about, which are under lock."""

    journal: Journal
    parts: Parts
    book: dict[UUID, Entry]
    carried: dict[UUID, Row]
    waiting: dict[UUID, list[News]]
    now: datetime
    parked: dict[UUID, str] = field(default_factory=dict)
    released: dict[UUID, str] = field(default_factory=dict)
    settled: dict[UUID, str] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, item: News) -> None:
        """Believe, hold, ignore or refuse one piece of news."""
        if item.occurred_at > self.now + AHEAD:
            self._refuse(item, "FROM_THE_FUTURE")
        elif item.kind is NewsKind.ACTED:
            entry = self.book.get(item.assignment_id)
            if entry is None or entry.assignment.adapter != item.agency:
                self._note(item, STRANGE)
            else:
                self._acted(item)
        else:
            row = self.carried.get(item.delivery_id) if item.delivery_id else None
            mine = row is not None and row["agency"] == item.agency
            if row is None or not mine or row["assignment_id"] != item.assignment_id:
                self._note(item, STRANGE)
            else:
                self._carried(item, row)

    def _acted(self, item: News) -> None:
        if self._try(item) is Verdict.EARLY:
            line = self.waiting.setdefault(item.assignment_id, [])
            if len(line) >= HELD_AT_MOST:
                self._refuse(item, "TOO_MANY_HELD")
            else:
                line.append(item)
                self._note(item, HELD)
        else:
            self._next_in_line(item.assignment_id)

    def _next_in_line(self, assignment_id: UUID) -> None:
        """Let held news have its turn, as long as any of it moves on."""
        line = self.waiting.get(assignment_id, [])
        while True:
            still = [item for item in line if self._try(item) is Verdict.EARLY]
            if len(still) == len(line):
                return
            line = self.waiting[assignment_id] = still

    def _try(self, item: News) -> Verdict:
        entry = self.book[item.assignment_id]
        try:
            act = wire.act_in(item, entry.assignment)
            verdict = self._judge(entry.assignment, act)
            match verdict:
                case Verdict.APPLY:
                    after = perform(self.journal, entry, self.parts, act, now=self.now)
                    self.book[item.assignment_id] = Entry(entry.case, after)
                    self._note(item, APPLIED)
                case Verdict.LATE:
                    self._note(item, IGNORED)
                case Verdict.CONTRADICTS:
                    self._refuse(item, "CONTRADICTS")
                case Verdict.EARLY:
                    pass
        except SongtorError as error:
            self._refuse(item, error.reason)
            return Verdict.CONTRADICTS
        return verdict

    def _judge(self, assignment: Assignment, act: Act) -> Verdict:
        if act.action is Action.RECORD_REACHED:
            return Verdict.APPLY
        return lifecycle.judge(assignment, act, now=self.now)

    def _carried(self, item: News, row: Row) -> None:
        delivery_id: UUID = row["delivery_id"]
        state = self.settled.get(delivery_id, row["state"])
        done = state in ("received", "finalized")
        if done or (item.kind is NewsKind.PARKED and state == "parked"):
            self._note(item, IGNORED)
            return
        entry = self.book[item.assignment_id]
        record = item.message.agency_record_id
        if item.kind is NewsKind.PARKED:
            self.settled[delivery_id] = "parked"
            reason = item.message.reason_code
            self.journal.settled(ReceiptFact(delivery_id, "parked", reason, record))
            self.journal.waits_for_a_person(entry.case, entry.assignment, delivery_id)
            self._note(item, APPLIED)
            return
        self.settled[delivery_id] = "received"
        self.journal.settled(ReceiptFact(delivery_id, "received", "", record))
        if row["kind"] != "offer":
            self._note(item, APPLIED)
            return
        self.journal.reached_point(
            entry.case,
            entry.assignment,
            wire.act_in(item, entry.assignment),
            consequences.DELIVERED,
            item.occurred_at,
        )
        self._try(item)

    def _note(self, item: News, outcome: str, reason: str = "") -> None:
        if item.was_held and outcome in (APPLIED, IGNORED, REFUSED):
            self.released[item.update_id] = outcome
        self.counts[item.agency, outcome] += 1
        if outcome == APPLIED:
            return
        self.journal.noted(
            Leaf(
                actor=item.by,
                action=f"update_{outcome}",
                subject_id=str(item.assignment_id),
                facts={"update_id": str(item.update_id), "reason": reason},
            )
        )

    def _refuse(self, item: News, reason: str) -> None:
        if not item.was_held:
            self.parked[item.update_id] = reason
        entry = self.book.get(item.assignment_id)
        if entry is not None and entry.assignment.adapter == item.agency:
            self.journal.waits_for_a_person(entry.case, entry.assignment, item.update_id)
        self._note(item, REFUSED, reason)

    async def write(self, tx: Transaction) -> None:
        """Write what was done, and what waits from now on."""
        new: list[News] = []
        for assignment_id, line in self.waiting.items():
            current = self.book[assignment_id].assignment
            if current.held != len(line):
                self.journal.touched(replace(current, held=len(line)))
            new += [item for item in line if not item.was_held]
        await self.journal.write(tx)
        if new:
            updates.hold(tx, new, now=self.now, alarm_at=self.now + ALARM_AFTER)
        if self.released:
            await updates.release(tx, self.released)
        tx.after_commit(self._count)

    def _count(self) -> None:
        for (agency, outcome), count in self.counts.items():
            telemetry.count(telemetry.AGENCY_UPDATES, count, agency=agency, outcome=outcome)
