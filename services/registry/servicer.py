"""gRPC in, command, gRPC out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from itertools import islice
from typing import Any

from directory.decide import Decider
from directory.model import Snapshot, Unit
from directory.places.locate import Locator
from directory.wire import unit_from, unit_to
from mesh.database import finish
from mesh.errors import InvalidArgumentError, NotFoundError
from mesh.identity import spiffe_id
from mesh.rpc import AllowList, caller, validate
from services.registry import wire
from services.registry.current import Current
from services.registry.domain.review import Signed
from services.registry.releases import Importer
from services.registry.rota import Rota
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
    f"/{SERVICE}/ProposeRelease": _OPERATOR,
    f"/{SERVICE}/ApproveRelease": _OPERATOR,
    f"/{SERVICE}/LocatePlaces": _REPLICAS,
    f"/{SERVICE}/SetDuty": _OPERATOR,
    f"/{SERVICE}/GetDuty": _REPLICAS,
}


class RegistryServicer(registry_pb2_grpc.RegistryServiceServicer):
    """Answers the calls of `songtor.registry.v1.RegistryService`."""

    def __init__(
        self,
        current: Current,
        decider: Decider,
        importer: Importer,
        rota: Rota,
        locator: Locator | None = None,
    ) -> None:
        self._current = current
        self._decider = decider
        self._importer = importer
        self._rota = rota
        self._locator = locator or Locator()

    async def GetUnit(
        self, request: registry_pb2.GetUnitRequest, context: Any
    ) -> registry_pb2.GetUnitResponse:
        """Return one unit, of the release in force now or then, with its history if asked for."""
        release, snapshot = await self._as_of(request)
        unit = snapshot.units.get(request.unit_id)
        history = await self._current.history(request.unit_id) if request.with_history else ()
        if unit is None and not history:
            raise NotFoundError("there is no such unit", reason="NO_SUCH_UNIT")
        return registry_pb2.GetUnitResponse(
            unit=unit_to(unit) if unit else None,
            release=wire.release_to(release),
            history=[wire.version_to(*version) for version in history],
        )

    async def ListUnits(
        self, request: registry_pb2.ListUnitsRequest, context: Any
    ) -> registry_pb2.ListUnitsResponse:
        """Return a page in the order of ids; the token is the last id of the page before."""
        _, snapshot = await self._as_of(request)
        size = request.page_size or PAGE
        found = (
            unit
            for unit in snapshot.units.values()
            if unit.id > request.page_token and _fits(unit, request)
        )
        page = list(islice(found, size + 1))
        return registry_pb2.ListUnitsResponse(
            units=[unit_to(unit) for unit in page[:size]],
            next_page_token=page[size - 1].id if len(page) > size else "",
        )

    async def _as_of(
        self, request: registry_pb2.GetUnitRequest | registry_pb2.ListUnitsRequest
    ) -> tuple[Release, Snapshot]:
        if not request.HasField("as_of"):
            return self._current.release(), self._current.snapshot()
        return await self._current.at(wire.instant_from(request.as_of))

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
        """Stream a release, its name first."""
        release, snapshot = self._current.release(), self._current.snapshot()
        if request.version not in (0, release.version):
            release, snapshot = await self._current.of(request.version)
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
        signed, units = await self._received(request_iterator, context)
        release = await finish(self._importer.release(units, signed))
        await self._current.take(release, units)
        return registry_pb2.ImportUnitsResponse(release=wire.release_to(release))

    async def ProposeRelease(
        self, request_iterator: AsyncIterable[registry_pb2.ProposeReleaseRequest], context: Any
    ) -> registry_pb2.ProposeReleaseResponse:
        """Keep a directory for a second person, and say what it would change."""
        signed, units = await self._received(request_iterator, context)
        return wire.review_to(*await finish(self._importer.propose(units, signed)))

    async def ApproveRelease(
        self, request: registry_pb2.ApproveReleaseRequest, context: Any
    ) -> registry_pb2.ApproveReleaseResponse:
        """Put a proposed directory in force."""
        work = self._importer.approve(
            request.proposal_id,
            importer=caller(context) or "unknown",
            approver=request.approver,
            override_reason=request.override_reason,
        )
        release, units = await finish(work)
        await self._current.take(release, units)
        return registry_pb2.ApproveReleaseResponse(release=wire.release_to(release))

    async def _received(
        self,
        chunks: AsyncIterable[registry_pb2.ImportUnitsRequest]
        | AsyncIterable[registry_pb2.ProposeReleaseRequest],
        context: Any,
    ) -> tuple[Signed, list[Unit]]:
        signed: Signed | None = None
        units: list[Unit] = []
        async for chunk in chunks:
            validate(chunk)
            if signed is None:
                signed = wire.signed_from(chunk, caller(context) or "unknown")
            units.extend(map(unit_from, chunk.units))
        if signed is None:
            raise InvalidArgumentError("nothing was sent", reason="AUTHOR_AND_REASON_NEEDED")
        return signed, units

    async def LocatePlaces(
        self, request: registry_pb2.LocatePlacesRequest, context: Any
    ) -> registry_pb2.LocatePlacesResponse:
        """Find the areas of pins, words and codes."""
        located = await asyncio.to_thread(wire.located, request.places, self._locator)
        return registry_pb2.LocatePlacesResponse(places=located)

    async def SetDuty(
        self, request: registry_pb2.SetDutyRequest, context: Any
    ) -> registry_pb2.SetDutyResponse:
        """Take a rota for some units, all or nothing."""
        shifts = [wire.shift_from(shift) for shift in request.shifts]
        taken, withdrawn = await finish(
            self._rota.set(
                shifts,
                unit_ids=request.unit_ids,
                known=self._current.snapshot().units,
                author=request.author,
                reason=request.reason,
                importer=caller(context) or "unknown",
            )
        )
        return registry_pb2.SetDutyResponse(taken=taken, withdrawn=withdrawn)

    async def GetDuty(
        self, request: registry_pb2.GetDutyRequest, context: Any
    ) -> registry_pb2.GetDutyResponse:
        """Say which units are open at an instant, and who answers there."""
        at = wire.instant_from(request.at)
        units = self._current.snapshot().units
        shifts = await self._rota.on_duty(request.unit_ids, at)
        try:
            open_now = self._decider.open_calendars(at)
        except ValueError as error:
            raise InvalidArgumentError(str(error), reason="AT_OUT_OF_RANGE") from None
        return registry_pb2.GetDutyResponse(
            units=[
                registry_pb2.UnitDuty(
                    unit_id=unit_id,
                    is_open=unit_id in units and units[unit_id].hours in open_now,
                    on_duty=[wire.shift_to(shift) for shift in shifts.get(unit_id, ())],
                )
                for unit_id in request.unit_ids
            ]
        )


def _fits(unit: Unit, request: registry_pb2.ListUnitsRequest) -> bool:
    return (
        request.agency in ("", unit.agency)
        and request.province_code in ("", unit.province)
        and (not request.role or request.role in unit.roles)
    )
