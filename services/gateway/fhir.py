"""The directory by FHIR R4B, to be read: Organization, Location and HealthcareService."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from mesh import rpc
from mesh.errors import InvalidArgumentError, NotFoundError, SongtorError
from services.gateway import fhir_resources
from services.gateway.fhir_resources import KINDS, Resource
from services.gateway.routes import Asker
from songtor.registry.v1 import registry_pb2

if TYPE_CHECKING:
    from songtor.registry.v1.registry_pb2_grpc import RegistryServiceAsyncStub

PREFIX = "/fhir"
MEDIA_TYPE = "application/fhir+json"
# FastAPI reads these at run time, so they cannot stand behind TYPE_CHECKING.
Kind = Literal["Organization", "Location", "HealthcareService"]
UnitId = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,64}$")]

router = APIRouter(prefix=PREFIX, tags=["directory"])


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the routes read units; the application carries it as `state.directory`."""

    registry: RegistryServiceAsyncStub
    timeout: float


def _directory(request: Request) -> Directory:
    found: Directory = request.app.state.directory
    return found


Wired = Annotated[Directory, Depends(_directory)]


@router.get("/metadata")
async def metadata() -> Response:
    """Say what can be asked here."""
    return _answer(fhir_resources.capabilities("2026-11-21"))


@router.get("/{kind}/{unit_id}")
async def read(
    directory: Wired,
    asker: Asker,  # noqa: ARG001  nobody reads without a key
    kind: Kind,
    unit_id: UnitId,
) -> Response:
    """Return one resource. Needs an API key of any scope."""
    try:
        unit = await _unit(directory, unit_id)
    except SongtorError as error:
        return _refusal(error)
    return _answer(KINDS[kind](unit))


@router.get("/{kind}")
async def search(
    directory: Wired,
    asker: Asker,  # noqa: ARG001  nobody reads without a key
    kind: Kind,
    *,
    unit_id: Annotated[str, Query(alias="_id", max_length=64)] = "",
    state: Annotated[str, Query(alias="address-state", pattern=r"^(TH-)?([0-9]{2})?$")] = "",
    agency: Annotated[str, Query(max_length=32)] = "",
    role: Annotated[str, Query(max_length=32)] = "",
    count: Annotated[int, Query(alias="_count", ge=1, le=500)] = 50,
    page: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """Return a page of resources, in the order of ids. Needs an API key of any scope."""
    asked = {"_id": unit_id, "address-state": state, "agency": agency, "role": role}
    following = ""
    try:
        if unit_id:
            units = [await _unit(directory, unit_id)]
        else:
            answer = await rpc.call(
                directory.registry.ListUnits,
                registry_pb2.ListUnitsRequest(
                    agency=agency,
                    province_code=state.removeprefix("TH-"),
                    role=role,
                    page_size=count,
                    page_token=page,
                ),
                timeout=directory.timeout,
            )
            units, following = list(answer.units), answer.next_page_token
    except NotFoundError:
        units = []
    except SongtorError as error:
        return _refusal(error)
    links = {"self": _link(kind, asked, count, page)}
    if following:
        links["next"] = _link(kind, asked, count, following)
    return _answer(fhir_resources.bundle(kind, units, links))


async def _unit(directory: Directory, unit_id: str) -> registry_pb2.Unit:
    request = registry_pb2.GetUnitRequest(unit_id=unit_id)
    answer = await rpc.call(directory.registry.GetUnit, request, timeout=directory.timeout)
    return answer.unit


def _link(kind: str, asked: dict[str, str], count: int, page: str) -> str:
    said = {name: value for name, value in asked.items() if value} | {"_count": str(count)}
    return f"{PREFIX}/{kind}?{urlencode(said | ({'page': page} if page else {}))}"


def _refusal(error: SongtorError) -> Response:
    match error:
        case NotFoundError():
            return _answer(fhir_resources.outcome("not-found", error.message), 404)
        case InvalidArgumentError():
            return _answer(fhir_resources.outcome("invalid", error.message), 422)
        case _:
            return _answer(fhir_resources.outcome("transient", error.message), 503)


def _answer(resource: Resource, status: int = 200) -> Response:
    body = json.dumps(resource, ensure_ascii=False).encode()
    return Response(body, status, media_type=MEDIA_TYPE)
