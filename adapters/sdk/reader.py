"""Reading what the agency did: by looking regularly, or by being told. Each piece of news once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from adapters.sdk import ledger, wire
from adapters.sdk.adapter import Adapter
from adapters.sdk.errors import PermanentError, TransientError, UnknownError
from adapters.sdk.model import Action, Strange, Update
from adapters.sdk.topology import news
from mesh.clock import Clock
from mesh.database import Database, Transaction
from mesh.errors import UnavailableError
from mesh.messaging import Event
from mesh.outbox import Outbox

log = structlog.get_logger(__name__)

# A reason that our codes do not have is never made up: the news waits for a person.
_NEED_REASON = (Action.DECLINE, Action.HOLD, Action.FAIL, Action.REFUSE_CANCEL)
# News about a record that we do not know waits so long for the receipt that names it.
_PATIENCE = timedelta(days=14)


class Reader:
    """Stores updates with their announcement; the cursor moves in the same transaction."""

    def __init__(
        self,
        agency: str,
        adapter: Adapter,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        *,
        pause: float,
    ) -> None:
        self._agency = agency
        self._subject = news(agency).subjects[0]
        self._adapter = adapter
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._pause = pause

    async def run(self) -> None:
        """Look for changes for ever; an agency that is away is asked again later."""
        while True:
            try:
                while await self.read_once():
                    continue
                pause = self._pause
            except (TransientError, UnknownError, PermanentError) as error:
                # Reading changes nothing over there, so asking again is always safe.
                log.warning("reading_failed", agency=self._agency, reason=error.reason)
                pause = max(self._pause, 1.0)
            except UnavailableError as error:
                log.warning("reader_waits", reason=error.reason)
                pause = 0.5
            await asyncio.sleep(pause)

    async def read_once(self) -> bool:
        """Read one page; True when the agency has more."""
        async with self._database.transaction() as tx:
            cursor = await ledger.cursor(tx)
            await self._outbox.append(tx, await self._resolved(tx))
        page = await self._adapter.fetch(cursor)
        if wire.storable(page.cursor) != page.cursor:
            raise PermanentError("BAD_CURSOR")
        if page.updates or page.strange or page.cursor != cursor:
            async with self._database.transaction() as tx:
                await self._store(tx, page.updates, page.strange)
                await ledger.save_cursor(tx, page.cursor)
        # A page that leads nowhere is asked for again after a pause, whatever it promises.
        return page.more and page.cursor != cursor

    async def accept(self, updates: Sequence[Update], strange: Sequence[Strange] = ()) -> None:
        """Store what the agency pushed; when this returns it may be told "taken"."""
        async with self._database.transaction() as tx:
            await self._store(tx, updates, strange)

    async def _store(
        self, tx: Transaction, updates: Sequence[Update], unread: Sequence[Strange]
    ) -> None:
        by_record = await ledger.assignments(
            tx,
            [
                wire.storable_id(update.agency_record_id)
                for update in updates
                if not update.assignment_id
            ],
        )
        # After that look-up and before the new: what waited for a record goes first.
        events = await self._resolved(tx)
        now = self._clock.now()
        strange = [
            _strange(each.source_id, each.agency_record_id, each.reason, now) for each in unread
        ]
        for update in updates:
            assignment_id, obstacle = _assignment_id(update, by_record)
            event_id, payload = wire.acted(self._agency, update, assignment_id)
            if not obstacle and update.action in _NEED_REASON and not update.reason_code:
                obstacle = "UNKNOWN_REASON"
            if not obstacle and not wire.is_valid(payload):
                obstacle = "INVALID_NEWS"
            if not obstacle:
                events.append(Event(event_id, self._subject, payload))
                continue
            row = _strange(update.source_id, update.agency_record_id, obstacle, now)
            row["action"] = update.action.value
            if obstacle == "UNKNOWN_RECORD":
                row |= {"update_id": event_id, "payload": payload}
            strange.append(row)
        await self._outbox.append(tx, events)
        if strange:
            log.error("news_quarantined", agency=self._agency, count=len(strange))
            await ledger.quarantine(tx, strange)

    async def _resolved(self, tx: Transaction) -> list[Event]:
        """Return news that waited for a record, now that a receipt has named the record."""
        rows = await ledger.resolved(tx, since=self._clock.now() - _PATIENCE)
        if rows:
            log.info("news_resolved", agency=self._agency, count=len(rows))
        return [
            Event(row["update_id"], self._subject, wire.about(row["payload"], row["assignment_id"]))
            for row in rows
        ]


def _assignment_id(update: Update, by_record: Mapping[str, Sequence[UUID]]) -> tuple[str, str]:
    """Return the assignment that the news is about, and otherwise why nobody can tell."""
    if update.assignment_id:
        try:
            return str(UUID(update.assignment_id)), ""
        except ValueError:
            return "", "UNKNOWN_ASSIGNMENT"
    found = by_record.get(wire.storable_id(update.agency_record_id), ())
    if len(found) == 1:
        return str(found[0]), ""
    # Several: the first one found would be a guess.
    return "", "AMBIGUOUS_RECORD" if found else "UNKNOWN_RECORD"


def _strange(source_id: str, record_id: str, reason: str, now: datetime) -> dict[str, object]:
    return {
        "source_id": wire.storable_id(source_id),
        "update_id": None,
        "payload": None,
        "agency_record_id": wire.storable_id(record_id),
        "action": "",
        "reason": wire.storable(reason),
        "at": now,
    }
