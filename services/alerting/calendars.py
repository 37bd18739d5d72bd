"""Versions of calendars: kept for ever, and clocks moved on to the one in force.

A holiday that is announced late makes another version. Clocks that run by an older one are put on
it, in batches, where that moves their breach; what they have used stays counted by the old hours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from mesh import audit
from mesh.audit import Leaf
from mesh.clock import Clock
from mesh.database import Database, Transaction
from mesh.errors import UnavailableError
from policies.calendar import OpenHours, from_spans, version_key
from services.alerting import storage
from services.alerting.commands import Engine
from services.alerting.domain import happenings
from services.alerting.tables import calendar

log = structlog.get_logger(__name__)

BATCH = 1000
_NIL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Moved:
    """What one batch did: clocks looked at, of which moved, and where to go on."""

    looked_at: int
    moved: int
    last: UUID


def versions(hours: Mapping[str, OpenHours]) -> tuple[dict[str, OpenHours], dict[str, str]]:
    """Return the calendars by code and by version, and each code's version."""
    keys = {code: version_key(laid_out) for code, laid_out in hours.items()}
    return {**hours, **{keys[code]: laid_out for code, laid_out in hours.items()}}, keys


async def keep(tx: Transaction, engine: Engine, *, now: datetime) -> None:
    """Keep the versions in force."""
    await tx.insert(
        calendar,
        [
            {
                "key": key,
                "starts": json.dumps(engine.hours[key].starts),
                "ends": json.dumps(engine.hours[key].ends),
                "stored_at": now,
            }
            for key in sorted(engine.calendar_keys.values())
            if not engine.hours[key].always
        ],
        tail="ON CONFLICT DO NOTHING",
    )


async def recall(tx: Transaction) -> dict[str, OpenHours]:
    """Return every version that was ever kept, by key."""
    found = await tx.execute("SELECT key, starts, ends FROM calendar")
    return {
        row["key"]: from_spans(row["key"].partition("@")[0], row["starts"], row["ends"])
        for row in found
    }


async def move(
    tx: Transaction, engine: Engine, after: UUID, *, now: datetime, dry_run: bool = False
) -> Moved:
    """Put one batch of clocks on the versions in force; a dry run only counts them.

    Clocks are taken in the order of ids, from the one after `after`.
    """
    found = await tx.execute(
        "SELECT clock_id, case_id FROM clock WHERE running_since IS NOT NULL"
        " AND calendar <> '24x7' AND NOT calendar = ANY(CAST(:current AS text[]))"
        " AND NOT breached AND clock_id > :after ORDER BY clock_id LIMIT :limit",
        {"current": sorted(engine.calendar_keys.values()), "after": after, "limit": BATCH},
    )
    if not found:
        return Moved(0, 0, after)
    rules = engine.rules()
    before = await storage.load_clocks(tx, [row["case_id"] for row in found], lock=not dry_run)
    changed = {}
    moved = 0
    for case_id, file in before.items():
        now_file = file
        for clock in file.clocks.values():
            code = clock.calendar.partition("@")[0]
            now_file = happenings.recalendared(
                now_file, clock, rules, calendar=rules.calendar(code), now=now
            )
        moved += len(now_file.clock_events)
        if now_file.clock_events:
            changed[case_id] = now_file
    if changed and not dry_run:
        await storage.save(tx, before, changed, now=now)
        await audit.append(
            tx,
            [Leaf("songtor", "clocks_recalendared", str(found[-1]["clock_id"]), {"moved": moved})],
            now=now,
        )
    return Moved(len(found), moved, found[-1]["clock_id"])


class Recalendar:
    """Loads what is needed of older versions and moves clocks on, once after each start."""

    def __init__(self, database: Database, engine: Engine, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock

    async def run(self) -> None:
        """Do it as soon as the database and the directory answer; then wait for ever."""
        while True:
            try:
                await self.once()
                break
            except UnavailableError as error:
                log.info("recalendar_waits", reason=error.reason)
            await asyncio.sleep(1)
        await asyncio.Event().wait()

    async def once(self, *, dry_run: bool = False) -> int:
        """Move every clock that another version moves; return how many those are."""
        async with self._database.transaction() as tx:
            await keep(tx, self._engine, now=self._clock.now())
            self._engine.remember(await recall(tx))
        moved, after = 0, _NIL
        while True:
            async with self._database.transaction() as tx:
                batch = await move(tx, self._engine, after, now=self._clock.now(), dry_run=dry_run)
            moved, after = moved + batch.moved, batch.last
            if not batch.looked_at:
                break
        if moved:
            log.info("clocks_recalendared", count=moved, dry_run=dry_run)
        return moved
