"""The adapter to the police against their stand-in: EIDO out, EIDO back by push or by a list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
import pytest_asyncio
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from adapters.police.adapter import MAP, Police
from adapters.police.outgoing import eido_of
from adapters.sdk import (
    Action,
    AdapterSettings,
    Delivery,
    DeliveryKind,
    PermanentError,
    Person,
    SafeContact,
    TransientError,
    UnknownError,
)
from adapters.sdk.conformance import AdapterConformance, sample_delivery
from sandbox.ports import free_ports
from tests.integration.adapters.stand_in_agency import (
    Inbox,
    News,
    StandInAgency,
    client_to,
    stand_in,
)
from tests.listening import listening
from tests.serving import served
from tests.spec import spec_file
from tests.standins import eventually


class Station(StandInAgency):
    async def forbids_contact(self, record_id: str) -> bool:
        row = await self.referral(await self.reference_of(record_id))
        cautions = json.loads(row["body"]).get("cautionComponent", [])
        return "CONTACT-PROHIBITED" in [each["cautionTypeInternalText"] for each in cautions]


@pytest_asyncio.fixture(scope="module")
async def station(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Station]:
    folder: Path = tmp_path_factory.mktemp("police")
    async with stand_in("police", folder, token="open-sesame") as standin:
        yield Station(standin, folder)


@pytest_asyncio.fixture
async def agency(station: Station) -> Station:
    await station.begin()
    return station


@pytest_asyncio.fixture
async def adapter(agency: Station) -> AsyncIterator[Police]:
    async with client_to(agency.standin.url) as client:
        yield Police(AdapterSettings(agency_secret="open-sesame"), client)


class TestPolice(AdapterConformance):
    """Where the police do not push, their list of changes is read."""

    def delivery(self, **changes: Any) -> Delivery:
        return sample_delivery(unit_external_ids={"police": "ZT0000001"}, **changes)


@asynccontextmanager
async def pushed_to(folder: Path) -> AsyncIterator[tuple[Station, Police, Inbox]]:
    """Run the police with a subscriber: the adapter's own listener."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/eido"
    async with stand_in("police", folder, push_url=url, push_token="t0") as standin:
        station = Station(standin, folder)
        async with client_to(standin.url) as client:
            adapter = Police(AdapterSettings(callback_secret="t0"), client)
            inbox = Inbox()
            async with served(adapter.listener(inbox), port):
                yield station, adapter, inbox


async def test_what_the_police_push_is_heard_in_order(tmp_path: Path):
    async with pushed_to(tmp_path) as (station, adapter, inbox):
        delivery = sample_delivery()
        await adapter.deliver(delivery)
        await eventually(lambda: _heard(inbox, Action.COMPLETE))
        assert inbox.actions == [
            Action.ACCEPT,
            Action.START,
            Action.RECORD_REACHED,
            Action.COMPLETE,
        ]
        assert {update.assignment_id for update in inbox.updates} == {delivery.assignment_id}
        assert inbox.updates[-1].outcomes == ("helped",)
        page = await adapter.fetch("")
        assert (list(page.updates), page.cursor) == ([], "")
        assert (await station.standin.ledger())["states"] == {"completed": 1}


async def _heard(inbox: Inbox, action: Action) -> bool:
    return action in inbox.actions


async def test_the_listener_lets_nobody_in_without_the_secret(tmp_path: Path):
    async with (
        pushed_to(tmp_path) as (_, adapter, inbox),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(adapter.listener(inbox))) as caller,
    ):
        answers = [
            await caller.post("http://adapter/eido", content=b"{}", headers=headers)
            for headers in ({}, {"Authorization": "Bearer t1"}, {"Authorization": "Bearer "})
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 401]
        malformed = await caller.post(
            "http://adapter/eido", content=b"<html>", headers={"Authorization": "Bearer t0"}
        )
        assert malformed.status_code == 400
        large = await caller.post(
            "http://adapter/eido",
            content=b"x" * (1024 * 1024 + 1),
            headers={"Authorization": "Bearer t0"},
        )
        assert large.status_code == 413
        assert inbox.updates == []


def told(**incident: Any) -> dict[str, Any]:
    return {
        "$id": "urn:emergency:uid:incidentid:a1:hub.songtor.example",
        "lastUpdateTimeStamp": "2026-04-10T08:00:00Z",
        "incidentComponent": {"incidentStatusCommonRegistryText": ["Active"]} | incident,
    }


@pytest.mark.parametrize(
    ("eido", "reason"),
    [
        (told(incidentStatusCommonRegistryText=["Asleep"]), "STATUS_UNKNOWN"),
        (told(incidentStatusCommonRegistryText=[]), "STATUS_UNCLEAR"),
        (told(incidentStatusCommonRegistryText=["Closed"]), "DISPOSITION_UNKNOWN"),
        (told(dispositionComponent=7), "EIDO_MALFORMED"),
        ({**told(), "$id": "a1"}, "EIDO_MALFORMED"),
        ({**told(), "lastUpdateTimeStamp": "2026-04-10T08:00:00"}, "EIDO_MALFORMED"),
        ("EIDO", "NOT_AN_EIDO"),
    ],
)
async def test_an_eido_that_cannot_be_understood_is_set_aside(eido: Any, reason: str):
    body = json.dumps({"eidos": [eido, _accepted()], "next": "1", "more": False}).encode()
    async with listening(body=body) as server, client_to(server.url) as client:
        page = await Police(AdapterSettings(), client).fetch("")
    assert [each.reason for each in page.strange] == [reason]
    assert [update.action for update in page.updates] == [Action.ACCEPT]


def _accepted() -> dict[str, Any]:
    return told(incidentStatusCommonRegistryText=["ResourcesAssigned"])


@pytest.mark.parametrize("ours", sorted(MAP.table("decline").out))
async def test_every_reason_to_decline_comes_back_as_our_code(
    agency: Station, adapter: Police, ours: str
):
    theirs = MAP.table("decline").theirs(ours)
    await agency.standin.play(otherwise=[{"do": "decline", "after": 0, "reason": theirs}])
    await adapter.deliver(sample_delivery())
    (update,) = await News(adapter).until(Action.DECLINE)
    assert update.reason_code == ours


async def test_what_the_police_pause_the_hub_does_not_hear_of(agency: Station, adapter: Police):
    delivery, news = sample_delivery(), News(adapter)
    await adapter.deliver(delivery)
    for step in ("accept", "hold"):
        await agency.standin.act(delivery.assignment_id, step)
    await news.read()
    assert news.actions == [Action.ACCEPT]


@pytest.mark.parametrize(
    ("answer", "action"),
    [("confirm", Action.CONFIRM_CANCEL), ("refuse", Action.REFUSE_CANCEL)],
)
async def test_called_off_the_police_confirm_or_go_on(
    agency: Station, adapter: Police, answer: str, action: Action
):
    await agency.standin.play(otherwise=[], on_cancel=answer)
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    await agency.standin.act(delivery.assignment_id, "accept")
    later = delivery.requested_at.replace(year=delivery.requested_at.year + 1)
    off = replace(
        delivery,
        kind=DeliveryKind.CANCEL,
        delivery_id=sample_delivery().delivery_id,
        requested_at=later,
    )
    await adapter.deliver(off)
    await adapter.deliver(off)
    await News(adapter).until(action)


async def test_news_of_their_own_incident_is_told_once(agency: Station, adapter: Police):
    news = sample_delivery(kind=DeliveryKind.STATUS, status="accepted")
    await adapter.deliver(news)
    await adapter.deliver(news)
    ledger = await agency.standin.ledger()
    assert (ledger["effects"], ledger["news"]) == (0, {"received": 2, "kept": 1})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (503, TransientError),
        (401, TransientError),
        (500, UnknownError),
        (400, PermanentError),
        (302, PermanentError),
    ],
)
async def test_a_refusal_is_classed_by_what_must_happen_next(status: int, error: type[Exception]):
    async with listening(lambda _call: status) as server, client_to(server.url) as client:
        with pytest.raises(error):
            await Police(AdapterSettings(), client).deliver(sample_delivery())


def varied_deliveries() -> list[Delivery]:
    full = sample_delivery(
        ess_cause="sexual_abuse_risk",
        silent=True,
        people=(Person("P1", "7-14", "female", "LAO", ("child",)), Person("P2", "", "", "", ())),
        safe_contact=SafeContact(
            contact_prohibited=True, channels=("line",), hours="", language="lao"
        ),
    )
    bare = sample_delivery(
        people=(),
        need_summary="",
        province_code="",
        district_code="",
        subdistrict_code="",
        latitude=None,
        longitude=None,
    )
    cancel = sample_delivery(kind=DeliveryKind.CANCEL)
    news = sample_delivery(kind=DeliveryKind.STATUS, status="completed")
    return [sample_delivery(), bare, full, cancel, news]


def eido_validator() -> jsonschema.Draft4Validator:
    """Return the official schema; the NIEM parts, which are not there, are open objects."""
    text = spec_file("nena-eido/openapi.yaml").read_text(encoding="utf-8")
    # A slip of the official file: "1," is a text, no number.
    document = yaml.safe_load(text.replace("minItems: 1,", "minItems: 1"))
    document = json.loads(json.dumps(document, default=str), object_hook=_without_niem)
    root = Resource(contents=document, specification=DRAFT4)
    niem = Resource(contents={}, specification=DRAFT4)
    registry = Registry(retrieve=lambda _uri: niem).with_resource("urn:eido", root)
    start = {"$ref": "urn:eido#/components/schemas/EmergencyIncidentDataObjectType"}
    return jsonschema.Draft4Validator(start, registry=registry)


def _without_niem(node: dict[str, Any]) -> dict[str, Any]:
    return {} if str(node.get("$ref", "")).startswith("NIEMComponents") else node


@pytest.mark.parametrize(
    "delivery", varied_deliveries(), ids=["plain", "bare", "full", "cancel", "news"]
)
def test_what_is_sent_is_valid_by_the_official_schema(delivery: Delivery):
    eido_validator().validate(eido_of(delivery, MAP))


async def test_what_the_stand_in_tells_is_valid_by_the_official_schema(
    agency: Station, adapter: Police
):
    delivery = sample_delivery()
    await agency.standin.play(otherwise=[{"do": "decline", "after": 0, "note": "เต็ม"}])
    await adapter.deliver(delivery)
    await agency.standin.comes_to(delivery.assignment_id, "declined")
    validator = await asyncio.to_thread(eido_validator)
    validator.validate(agency.document("report", delivery.assignment_id))


def test_the_official_schema_as_we_read_it_still_refuses():
    broken = eido_of(sample_delivery(), MAP)
    del broken["incidentComponent"]["lastUpdateTimeStamp"]
    broken["linkComponent"][0]["linkDirectionCode"] = "SIDEWAYS"
    assert len(list(eido_validator().iter_errors(broken))) == 2
