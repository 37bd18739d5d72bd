"""The directory by FHIR: every resource is R4B, pages follow each other, shelters stay hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.healthcareservice import HealthcareService
from fhir.resources.R4B.location import Location
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.organization import Organization

from services.gateway.api import application
from services.gateway.domain.access import principal
from services.gateway.fhir import Directory
from services.gateway.routes import Parts, _asker
from tests.integration.registry.hall import CHIANG_MAI, Registry, open_registry

MODELS = {
    "Organization": Organization,
    "Location": Location,
    "HealthcareService": HealthcareService,
}
SHELTER = next(u for u in CHIANG_MAI if u.unit_type == "family_shelter")


@pytest_asyncio.fixture(scope="module")
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        await running.release(CHIANG_MAI)
        yield running


@pytest_asyncio.fixture(scope="module")
async def client(registry: Registry) -> AsyncIterator[httpx2.AsyncClient]:
    parts: Any = Parts(None, None, None)  # type: ignore[arg-type]  # these routes use none of them
    app = application(parts, Directory(registry.stub, 5.0))
    app.dependency_overrides[_asker] = lambda: principal("tester", ["operator"])
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as opened:
        yield opened


@pytest.mark.parametrize("kind", MODELS)
async def test_each_kind_of_unit_is_a_valid_resource(client: httpx2.AsyncClient, kind: str) -> None:
    kinds = {u.unit_type: u.id for u in CHIANG_MAI}
    for unit_id in kinds.values():
        answer = await client.get(f"/fhir/{kind}/{unit_id}")
        assert answer.headers["content-type"] == "application/fhir+json"
        assert MODELS[kind].model_validate(answer.json()).id == unit_id


async def test_pages_follow_each_other_until_all_were_seen(client: httpx2.AsyncClient) -> None:
    address, seen = "/fhir/Organization?address-state=TH-50&agency=police&_count=7", []
    while address:
        page = Bundle.model_validate((await client.get(address)).json())
        seen += [entry.resource.id for entry in page.entry]
        address = next((link.url for link in page.link if link.relation == "next"), "")
    assert seen == [u.id for u in CHIANG_MAI if u.province == "50" and u.agency == "police"]


async def test_where_a_shelter_stands_is_not_said(client: httpx2.AsyncClient) -> None:
    told = await client.get(f"/fhir/Location/{SHELTER.id}")
    assert "position" not in told.json()
    assert SHELTER.subdistrict not in told.text
    assert str(SHELTER.latitude) not in told.text


async def test_a_unit_nobody_has_is_an_operation_outcome(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/fhir/Organization/TH-NOBODY")
    assert answer.status_code == 404
    assert OperationOutcome.model_validate(answer.json()).issue[0].code == "not-found"
    found = await client.get("/fhir/Organization?_id=TH-NOBODY")
    assert (found.status_code, "entry" in found.json()) == (200, False)


async def test_what_can_be_asked_is_said(client: httpx2.AsyncClient) -> None:
    statement = CapabilityStatement.model_validate((await client.get("/fhir/metadata")).json())
    assert {resource.type for resource in statement.rest[0].resource} == set(MODELS)
