"""Reading what the agency did: by looking regularly, or by being told. Each piece of news once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
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
        page = await self._adapter.fetch(cursor)
        if page.updates or page.strange or page.cursor != cursor:
            async with self._database.transaction() as tx:
                await self._store(tx, page.updates, page.strange)
                await ledger.save_cursor(tx, page.cursor)
        return page.more

    async def accept(self, updates: Sequence[Update], strange: Sequence[Strange] = ()) -> None:
        """Store what the agency pushed; when this returns it may be told "taken"."""
        async with self._database.transaction() as tx:
            await self._store(tx, updates, strange)

    async def _store(
        self, tx: Transaction, updates: Sequence[Update], unread: Sequence[Strange]
    ) -> None:
        by_record = await ledger.assignments(
            tx, [update.agency_record_id for update in updates if not update.assignment_id]
        )
        now = self._clock.now()
        events: list[Event] = []
        strange = [_unread(each, now) for each in unread]
        for update in updates:
            assignment_id = _assignment_id(update, by_record)
            if assignment_id is None:
                strange.append(_strange(update, "UNKNOWN_RECORD", now))
                continue
            if update.action in _NEED_REASON and not update.reason_code:
                strange.append(_strange(update, "UNKNOWN_REASON", now))
                continue
            event_id, payload = wire.acted(self._agency, update, assignment_id)
            events.append(Event(event_id, self._subject, payload))
        await self._outbox.append(tx, events)
        if strange:
            log.error("news_quarantined", agency=self._agency, count=len(strange))
            await ledger.quarantine(tx, strange)


def _assignment_id(update: Update, by_record: dict[str, UUID]) -> str | None:
    if not update.assignment_id:
        found = by_record.get(update.agency_record_id)
        return str(found) if found else None
    try:
        return str(UUID(update.assignment_id))
    except ValueError:
        return None


def _strange(update: Update, reason: str, now: datetime) -> dict[str, object]:
    return {
        "source_id": update.source_id,
        "agency_record_id": update.agency_record_id,
        "action": update.action.value,
        "reason": reason,
        "at": now,
    }


def _unread(strange: Strange, now: datetime) -> dict[str, object]:
    return {
        "source_id": strange.source_id,
        "agency_record_id": strange.agency_record_id,
        "action": "",
        "reason": strange.reason,
        "at": now,
    }
