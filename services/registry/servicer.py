"""gRPC in, command, gRPC out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from itertools import islice
from typing import Any

from directory.decide import Decider
from directory.model import Unit
from directory.wire import unit_from, unit_to
from mesh.clock import Clock
from mesh.database import Database, finish
from mesh.errors import InvalidArgumentError, NotFoundError
from mesh.identity import spiffe_id
from mesh.outbox import Outbox
from mesh.rpc import AllowList, caller, validate
from services.registry import commands, wire
from services.registry.current import Current
from services.registry.domain.faults import Codes
from services.registry.storage import Release
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

SERVICE = "songtor.registry.v1.RegistryService"
CHUNK = 500
PAGE = 100
_OPERATOR = frozenset((spiffe_id("tool", "operator"),))
_GATEWAY = _OPERATOR | {spiffe_id("service", "gateway")}
_REPLICAS = _GATEWAY | {spiffe_id("service", "routing"), spiffe_id("service", "alerting")}
ALLOWED: AllowList = {
    f"/{SERVICE}/GetUnit": _REPLICAS,
    f"/{SERVICE}/ListUnits": _REPLICAS,
    f"/{SERVICE}/ResolveUnits": _REPLICAS,
    f"/{SERVICE}/GetSnapshot": _REPLICAS,
    f"/{SERVICE}/WatchReleases": _REPLICAS,
    f"/{SERVICE}/ImportUnits": _OPERATOR,
}


class Importer:
    """Puts directories in force."""

    def __init__(self, database: Database, outbox: Outbox, codes: Codes, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._codes = codes
        self._clock = clock

    async def release(
        self, units: list[Unit], *, importer: str, author: str, reason: str
    ) -> Release:
        """Check the directory and release it; return after the commit."""
        # Some hundred milliseconds of work: beside the loop, that others may go on asking.
        digest = await asyncio.to_thread(commands.check, units, self._codes)
        async with self._database.transaction() as tx:
            return await commands.release(
                tx,
                self._outbox,
                units,
                digest,
                importer=importer,
                author=author,
                reason=reason,
                now=self._clock.now(),
            )


class RegistryServicer(registry_pb2_grpc.RegistryServiceServicer):
    """Answers the calls of `songtor.registry.v1.RegistryService`."""

    def __init__(self, current: Current, decider: Decider, importer: Importer) -> None:
        self._current = current
        self._decider = decider
        self._importer = importer

    async def GetUnit(
        self, request: registry_pb2.GetUnitRequest, context: Any
    ) -> registry_pb2.GetUnitResponse:
        """Return one unit of the release in force."""
        unit = self._current.snapshot().units.get(request.unit_id)
        if unit is None:
            raise NotFoundError("there is no such unit", reason="NO_SUCH_UNIT")
        return registry_pb2.GetUnitResponse(
            unit=unit_to(unit), release=wire.release_to(self._current.release())
        )

    async def ListUnits(
        self, request: registry_pb2.ListUnitsRequest, context: Any
    ) -> registry_pb2.ListUnitsResponse:
        """Return a page in the order of ids; the token is the last id of the page before."""
        size = request.page_size or PAGE
        found = (
            unit
            for unit in self._current.snapshot().units.values()
            if unit.id > request.page_token and _fits(unit, request)
        )
        page = list(islice(found, size + 1))
        return registry_pb2.ListUnitsResponse(
            units=[unit_to(unit) for unit in page[:size]],
            next_page_token=page[size - 1].id if len(page) > size else "",
        )

    async def ResolveUnits(
        self, request: registry_pb2.ResolveUnitsRequest, context: Any
    ) -> registry_pb2.ResolveUnitsResponse:
        """Answer every question from the same release."""
        snapshot = self._current.snapshot()
        versions = wire.versions_to(snapshot, self._decider.policies)
        questions = [wire.question_from(question) for question in request.questions]
        try:
            decisions = [self._decider.decide(snapshot, question) for question in questions]
        except ValueError as error:
            raise InvalidArgumentError(str(error), reason="AT_OUT_OF_RANGE") from None
        return registry_pb2.ResolveUnitsResponse(
            resolutions=[wire.answer_to(decision, versions) for decision in decisions]
        )

    async def GetSnapshot(
        self, request: registry_pb2.GetSnapshotRequest, context: Any
    ) -> AsyncIterator[registry_pb2.GetSnapshotResponse]:
        """Stream the release in force, its name first."""
        release, snapshot = self._current.release(), self._current.snapshot()
        yield registry_pb2.GetSnapshotResponse(release=wire.release_to(release))
        units = iter(snapshot.units.values())
        while part := list(islice(units, CHUNK)):
            yield registry_pb2.GetSnapshotResponse(units=map(unit_to, part))

    async def WatchReleases(
        self, request: registry_pb2.WatchReleasesRequest, context: Any
    ) -> AsyncIterator[registry_pb2.WatchReleasesResponse]:
        """Stream the name of the release in force and of every later one."""
        async for release in self._current.releases():
            yield registry_pb2.WatchReleasesResponse(release=wire.release_to(release))

    async def ImportUnits(
        self, request_iterator: AsyncIterable[registry_pb2.ImportUnitsRequest], context: Any
    ) -> registry_pb2.ImportUnitsResponse:
        """Take a whole directory and put it in force."""
        author = reason = ""
        units: list[Unit] = []
        async for chunk in request_iterator:
            validate(chunk)
            author, reason = author or chunk.author, reason or chunk.reason
            if not author or not reason:
                raise InvalidArgumentError(
                    "the first chunk says who releases and why", reason="AUTHOR_AND_REASON_NEEDED"
                )
            units.extend(map(unit_from, chunk.units))
        work = self._importer.release(
            units, importer=caller(context) or "unknown", author=author, reason=reason
        )
        release = await finish(work)
        await self._current.take(release, units)
        return registry_pb2.ImportUnitsResponse(release=wire.release_to(release))


def _fits(unit: Unit, request: registry_pb2.ListUnitsRequest) -> bool:
    return (
        request.agency in ("", unit.agency)
        and request.province_code in ("", unit.province)
        and (not request.role or request.role in unit.roles)
    )
