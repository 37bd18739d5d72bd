"""The release in force, held in memory by each process of the registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from functools import partial

import structlog

from directory.model import Snapshot, Unit
from mesh.database import Database, Row
from mesh.errors import FailedPreconditionError, NotFoundError, UnavailableError
from services.registry import storage
from services.registry.storage import Release

log = structlog.get_logger(__name__)


class Current:
    """Answers are read from here; PostgreSQL is asked only whether there is something newer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: tuple[Release, Snapshot] | None = None
        self._asked: tuple[Release, Snapshot] | None = None
        self._changed = asyncio.Condition()
        self._closed = False

    def release(self) -> Release:
        """Return the release in force; `FailedPreconditionError` before the first import."""
        return self._both()[0]

    def snapshot(self) -> Snapshot:
        """Return its units, indexed."""
        return self._both()[1]

    def _both(self) -> tuple[Release, Snapshot]:
        if self._held is None:
            raise FailedPreconditionError("nothing was released yet", reason="NO_RELEASE")
        return self._held

    async def refresh(self) -> None:
        """Load the newest release unless it is held already."""
        async with self._database.transaction() as tx:
            release = await storage.newest(tx)
            if release is None or self._is_held(release):
                return
            rows = await storage.units_of(tx, release.version)
        await self._hold(release, await asyncio.to_thread(_indexed, release, rows))

    async def at(self, at: datetime) -> tuple[Release, Snapshot]:
        """Return the release that was in force at an instant, with its units."""
        async with self._database.transaction() as tx:
            release = await storage.release_at(tx, at)
        if release is None:
            raise NotFoundError("nothing was in force then", reason="NO_RELEASE_THEN")
        return await self._read(release)

    async def of(self, version: int) -> tuple[Release, Snapshot]:
        """Return one release by its number, with its units."""
        async with self._database.transaction() as tx:
            release = await storage.release_of(tx, version)
        if release is None:
            raise NotFoundError("there is no such release", reason="NO_SUCH_RELEASE")
        return await self._read(release)

    async def history(self, unit_id: str) -> list[tuple[Unit, Release, Release | None]]:
        """Return every version of a unit, the oldest first."""
        async with self._database.transaction() as tx:
            return await storage.history_of(tx, unit_id)

    async def _read(self, release: Release) -> tuple[Release, Snapshot]:
        """Read a release that may be an old one; the last that was asked for is kept."""
        if self._is_held(release) and self.release() == release:
            return self._both()
        if self._asked is None or self._asked[0] != release:
            async with self._database.transaction() as tx:
                rows = await storage.units_of(tx, release.version)
            self._asked = release, await asyncio.to_thread(_indexed, release, rows)
        return self._asked

    async def take(self, release: Release, units: Iterable[Unit]) -> None:
        """Hold a release whose units are here already, unless something newer is held."""
        if self._is_held(release):
            return
        work = asyncio.to_thread(Snapshot.of, release.version, units, digest=release.digest)
        await self._hold(release, await work)

    async def _hold(self, release: Release, snapshot: Snapshot) -> None:
        async with self._changed:
            if self._is_held(release):
                return
            self._held = release, snapshot
            self._changed.notify_all()
        log.info("release_in_force", version=release.version, units=release.unit_count)

    def _is_held(self, release: Release) -> bool:
        """Return whether this release, or a newer one, is held already."""
        return self._held is not None and self._held[0].version >= release.version

    async def follow(self, *, every: float) -> None:
        """Refresh for ever; while PostgreSQL is away, what is held stays in force."""
        while True:
            try:
                await self.refresh()
            except UnavailableError as error:
                log.warning("refresh_waits", reason=error.reason)
            await asyncio.sleep(every)

    async def releases(self) -> AsyncIterator[Release]:
        """Yield the release in force and each later one, until this process stops."""
        seen: Release | None = None
        while True:
            async with self._changed:
                await self._changed.wait_for(partial(self._is_news, seen))
                if self._closed or self._held is None:
                    return
                seen = self._held[0]
            yield seen

    def _is_news(self, seen: Release | None) -> bool:
        return self._closed or (self._held is not None and self._held[0] != seen)

    async def close(self) -> None:
        """End every watch, so that the server can stop without waiting for them."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()


def _indexed(release: Release, rows: Sequence[Row]) -> Snapshot:
    return Snapshot.of(release.version, map(storage.unit_from, rows), digest=release.digest)
