"""A service's own copy of the directory: always there, kept fresh, honest about its age."""

from __future__ import annotations

import asyncio
import gc
from datetime import datetime, timedelta
from pathlib import Path

import grpc.aio
import structlog

from directory import archive
from directory.model import Snapshot, Unit, digest_of
from directory.wire import unit_from
from mesh.clock import Clock
from mesh.errors import UnavailableError
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

log = structlog.get_logger(__name__)

_LOAD_SECONDS = 30.0
_PAUSE_SECONDS = 0.5


class Replica:
    """Follows the registry's releases. Asking it is a look at memory; it never waits."""

    def __init__(
        self, channel: grpc.aio.Channel, clock: Clock, *, kept_in: Path | None = None
    ) -> None:
        """`kept_in` is a file that outlives the process; without it a start needs the registry."""
        self._registry = registry_pb2_grpc.RegistryServiceStub(channel)
        self._clock = clock
        self._kept_in = kept_in
        self._snapshot: Snapshot | None = None
        self._unheard_since: datetime | None = clock.now()
        self.loaded = asyncio.Event()
        """Set once a snapshot is there."""

    def current(self) -> Snapshot:
        """Return the newest snapshot that is known; `UnavailableError` before the first."""
        if self._snapshot is None:
            raise UnavailableError("the directory is not loaded yet", reason="NO_DIRECTORY")
        return self._snapshot

    def age(self) -> timedelta:
        """Return for how long the registry has not been heard; zero while it is followed."""
        if self._unheard_since is None:
            return timedelta(0)
        return self._clock.now() - self._unheard_since

    async def ready(self) -> None:
        """Pass once a snapshot is there: a readiness check. An old one is better than none."""
        self.current()

    async def run(self) -> None:
        """Follow the registry for ever, through its absences."""
        if self._kept_in is not None and self._snapshot is None:
            self._hold(await asyncio.to_thread(archive.read, self._kept_in))
        while True:
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                log.info("registry_unheard", code=error.code().name)
            except _DamagedSnapshotError:
                log.error("snapshot_damaged")
            if self._unheard_since is None:
                self._unheard_since = self._clock.now()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow(self) -> None:
        notices = self._registry.WatchReleases(
            registry_pb2.WatchReleasesRequest(), wait_for_ready=True
        )
        async for notice in notices:
            held = self._snapshot
            named = notice.release.version, notice.release.digest
            if held is None or (held.version, held.digest) != named:
                await self._load()
            self._unheard_since = None

    async def _load(self) -> None:
        units: list[Unit] = []
        release = registry_pb2.Release()
        chunks = self._registry.GetSnapshot(
            registry_pb2.GetSnapshotRequest(), timeout=_LOAD_SECONDS
        )
        async for chunk in chunks:
            if chunk.HasField("release"):
                release = chunk.release
            units.extend(map(unit_from, chunk.units))
        snapshot = await asyncio.to_thread(_checked, release.version, release.digest, units)
        self._hold(snapshot)
        log.info("directory_loaded", version=snapshot.version, units=len(units))
        if self._kept_in is not None:
            try:
                await asyncio.to_thread(archive.write, snapshot, self._kept_in)
            except OSError as error:
                # A full disk costs the next start its head start, nothing else.
                log.warning("directory_not_kept", error=type(error).__name__)

    def _hold(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self._snapshot = snapshot
            # Tens of thousands of objects that live for days: a collector that walks them again
            # and again takes a fifth of a busy process's time.
            gc.collect()
            gc.freeze()
            self.loaded.set()


class _DamagedSnapshotError(Exception):
    """What arrived is not what the registry released."""


def _checked(version: int, digest: str, units: list[Unit]) -> Snapshot:
    if digest_of(units) != digest:
        raise _DamagedSnapshotError
    return Snapshot.of(version, units, digest=digest)
