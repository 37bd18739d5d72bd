"""The outbox: what a transaction announces is a row of that transaction, and a relay publishes it.

Per row a state, never a cursor: commits do not become visible in the order of their ids. A crash
between the broker's acknowledgement and our mark publishes again, and the inbox at the other end
makes that harmless.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

import structlog

from mesh import telemetry
from mesh.clock import Clock
from mesh.database import Database, Row, Transaction
from mesh.errors import UnavailableError
from mesh.messaging import Bus, Event
from mesh.tables import outbox
from mesh.topology import Stream, reconcile_subject

log = structlog.get_logger(__name__)

_CLAIM = """
    SELECT id, event_id, subject, headers, payload, priority FROM outbox WHERE state = 0
    ORDER BY priority, id LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_MARK = """
    UPDATE outbox SET state = 1, published_at = :now
    FROM unnest(CAST(:ids AS bigint[])) AS done(id) WHERE outbox.id = done.id
"""
_UNCONFIRMED = """
    SELECT id, event_id, subject FROM outbox WHERE state = 1 AND published_at < :before
    ORDER BY published_at LIMIT :limit FOR UPDATE SKIP LOCKED
"""
# What a reader could not say is asked again after the same time as at first, behind the others.
_CONFIRM = """
    UPDATE outbox SET
        state = CASE WHEN event_id = ANY(CAST(:lost AS uuid[])) THEN 0
                     WHEN event_id = ANY(CAST(:untold AS uuid[])) THEN 1 ELSE 2 END,
        published_at = CASE WHEN event_id = ANY(CAST(:untold AS uuid[])) THEN :now
                            ELSE published_at END
    WHERE id = ANY(CAST(:ids AS bigint[]))
"""


class Outbox:
    """Writes events into transactions and wakes the relay when they are committed."""

    def __init__(self, clock: Clock, source: str) -> None:
        self._clock = clock
        self._source = source
        self.written = asyncio.Event()

    async def append(self, tx: Transaction, events: Sequence[Event]) -> None:
        """Announce `events` when, and only when, the caller's transaction commits."""
        if not events:
            return
        now = self._clock.now()
        # What all events of a transaction share is written once: it is most of each header.
        shared = json.dumps(
            {
                "ce-specversion": "1.0",
                "ce-source": self._source,
                "ce-time": now.isoformat(),
                **telemetry.trace_headers(),
            }
        ).removesuffix("}")
        tx.insert_later(
            outbox,
            [
                {
                    "event_id": event.event_id,
                    "subject": event.subject,
                    "headers": f'{shared}, "ce-id": "{event.event_id}",'
                    f" {_kind_and_own(event.subject, tuple(event.headers.items()))}",
                    "payload": event.payload,
                    "priority": event.priority,
                    "created_at": now,
                }
                for event in events
            ],
            # The same event written again by a repeated command is the same announcement.
            tail="ON CONFLICT (event_id) DO NOTHING",
        )
        tx.after_commit(self.written.set)


@lru_cache(maxsize=1024)
def _kind_and_own(subject: str, own: tuple[tuple[str, str], ...]) -> str:
    """Return the end of the headers: the event's type, and those it brought itself."""
    kind = ".".join(subject.split(".")[:3])
    return json.dumps({"ce-type": f"songtor.{kind}", **dict(own)}).removeprefix("{")


class Relay:
    """Publishes what the outbox holds, most urgent first, and repairs what the broker lost."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        written: asyncio.Event,
        clock: Clock,
        streams: Sequence[Stream],
        *,
        batch: int = 500,
        confirm_after: timedelta = timedelta(seconds=60),
    ) -> None:
        self._database = database
        self._bus = bus
        self._written = written
        self._clock = clock
        self._streams = streams
        self._batch = batch
        self._confirm_after = confirm_after

    async def run(self) -> None:
        """Publish for ever: at once when woken, every 200 ms as a net."""
        while True:
            try:
                published, taken = await self.publish_once()
            except UnavailableError as error:
                log.warning("relay_waits", reason=error.reason)
                await asyncio.sleep(0.5)
                continue
            if taken == self._batch and published:
                continue
            if taken > published:
                # The stream refuses or is away; asking faster would not help it.
                await asyncio.sleep(0.5)
            self._written.clear()
            try:
                # Not wait_for: on 3.11 it can lose a cancellation that meets its timeout.
                async with asyncio.timeout(0.2):
                    await self._written.wait()
            except TimeoutError:
                continue

    async def publish_once(self) -> tuple[int, int]:
        """Publish one batch; return how many were acknowledged, of how many."""
        async with self._database.transaction() as tx:
            rows = await tx.execute(_CLAIM, {"limit": self._batch})
            if not rows:
                return 0, 0
            sequences = await self._bus.publish([_event(row) for row in rows])
            done = [
                row["id"]
                for row, sequence in zip(rows, sequences, strict=True)
                if sequence is not None
            ]
            if done:
                await tx.change(_MARK, {"ids": done, "now": self._clock.now()})
        telemetry.count(telemetry.OUTBOX_PUBLISHED, len(done))
        return len(done), len(rows)

    async def reconcile(self, *, every: float = 20.0) -> None:
        """For ever: ask every subscriber for what it never saw, and publish that again.

        This alone brings back everything when the broker's whole store is lost.
        """
        while True:
            await asyncio.sleep(every)
            try:
                await self.reconcile_all()
            except UnavailableError as error:
                log.info("reconcile_waits", reason=error.reason)

    async def reconcile_all(self) -> None:
        """Check every old, unconfirmed row once."""
        while await self.reconcile_once() == self._batch:
            continue

    async def reconcile_once(self) -> int:
        """Check one batch of old, unconfirmed rows; return how many were looked at.

        A row is confirmed only when every reader of its subject said that it knows it. A reader
        that is away keeps its own rows waiting and nobody else's.
        """
        async with self._database.transaction() as tx:
            rows = await tx.execute(
                _UNCONFIRMED,
                {"before": self._clock.now() - self._confirm_after, "limit": self._batch},
            )
            lost: set[UUID] = set()
            untold: set[UUID] = set()
            for stream in self._streams:
                mine = [row for row in rows if _matches_any(stream.subjects, row["subject"])]
                if mine:
                    await self._ask(stream, mine, lost, untold)
            await tx.change(
                _CONFIRM,
                {
                    "lost": list(lost),
                    "untold": list(untold),
                    "ids": [row["id"] for row in rows],
                    "now": self._clock.now(),
                },
            )
        if lost:
            log.warning("republishing", count=len(lost))
            self._written.set()
        return len(rows)

    async def _ask(
        self, stream: Stream, rows: Sequence[Row], lost: set[UUID], untold: set[UUID]
    ) -> None:
        """Add to `lost` what a reader never saw, and to `untold` what a reader could not say."""
        for durable, subjects in await self._readers(stream):
            ids = [row["event_id"] for row in rows if _matches_any(subjects, row["subject"])]
            if not ids:
                continue
            try:
                answer = await self._bus.ask(
                    reconcile_subject(durable), b"".join(item.bytes for item in ids), timeout=5
                )
            except UnavailableError:
                log.info("reader_is_silent", consumer=durable, count=len(ids))
                untold.update(ids)
            else:
                lost.update(UUID(bytes=answer[i : i + 16]) for i in range(0, len(answer), 16))

    async def _readers(self, stream: Stream) -> list[tuple[str, list[str]]]:
        answer = json.loads(
            await self._bus.ask(f"$JS.API.CONSUMER.LIST.{stream.name}", b"", timeout=5)
        )
        if not answer.get("consumers"):
            # The stream is gone, or was made anew a moment ago: nobody has confirmed anything.
            raise UnavailableError("the stream has no readers", reason="NO_READERS")
        return [
            (
                consumer["name"],
                consumer["config"].get("filter_subjects")
                or [consumer["config"].get("filter_subject") or ">"],
            )
            for consumer in answer["consumers"]
        ]


def _event(row: Row) -> Event:
    headers = row["headers"]
    return Event(
        event_id=row["event_id"],
        subject=row["subject"],
        payload=row["payload"],
        headers=json.loads(headers) if isinstance(headers, str) else headers,
    )


def _matches_any(patterns: Sequence[str], subject: str) -> bool:
    return any(matches(pattern, subject) for pattern in patterns)


def matches(pattern: str, subject: str) -> bool:
    """Say whether a NATS pattern (`*` one token, `>` the rest) covers a subject."""
    wanted, given = pattern.split("."), subject.split(".")
    for index, part in enumerate(wanted):
        if part == ">":
            return len(given) > index
        if index >= len(given) or part not in ("*", given[index]):
            return False
    return len(wanted) == len(given)
