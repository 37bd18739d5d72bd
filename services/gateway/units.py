"""The ids of all units, so that a report that names one nobody has is sent back at the door."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
import structlog

from mesh.errors import FieldViolation, InvalidArgumentError
from services.gateway import models
from songtor.registry.v1 import registry_pb2

if TYPE_CHECKING:
    from songtor.registry.v1.registry_pb2_grpc import RegistryServiceAsyncStub

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 2.0
_NO_UNIT = ("agency:", "officer:")


class Units:
    """Ids of the registry's current release. While there is none, every id is let through."""

    def __init__(self, registry: RegistryServiceAsyncStub) -> None:
        self._registry = registry
        self._known: frozenset[str] | None = None

    async def follow(self) -> None:
        """For ever: load each release as it comes into force."""
        while True:
            try:
                async for _ in self._registry.WatchReleases(registry_pb2.WatchReleasesRequest()):
                    await self.load()
            except grpc.aio.AioRpcError as error:
                # Reports are taken without the registry, too.
                log.info("units_wait", code=error.code().name)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def load(self) -> None:
        """Read the ids of the current release."""
        known: set[str] = set()
        async for chunk in self._registry.GetSnapshot(registry_pb2.GetSnapshotRequest()):
            known.update(unit.unit_id for unit in chunk.units)
        self._known = frozenset(known)
        log.info("units_loaded", count=len(known))

    def check(self, report: models.Report) -> None:
        """Raise when the report names a unit that nobody has."""
        if self._known is None or not (report.receiving_unit_id or report.excluded):
            return
        named = [("receiving_unit_id", report.receiving_unit_id)]
        named += [(f"excluded[{i}]", entry) for i, entry in enumerate(report.excluded)]
        wrong = [
            FieldViolation(field, "UNKNOWN_UNIT", "no unit has this id")
            for field, unit_id in named
            if unit_id and not unit_id.startswith(_NO_UNIT) and unit_id not in self._known
        ]
        if wrong:
            raise InvalidArgumentError(
                "a unit is named that nobody has", reason="INVALID_FIELDS", violations=wrong
            )
