"""The adapter to hospitals against the hospital's stand-in, over FHIR."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import pytest_asyncio

from adapters.public_health.adapter import MAP, PublicHealth
from adapters.public_health.outgoing import offer
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
from tests.integration.adapters.stand_in_agency import News, StandInAgency, client_to, stand_in
from tests.listening import Call, listening
from tests.spec import spec_file

PROHIBITED = "contacting-subject-prohibited"


class Hospital(StandInAgency):
    async def forbids_contact(self, record_id: str) -> bool:
        task = self.document(*record_id.split("/"))
        order = self.document(*task["focus"]["reference"].split("/"))
        return PROHIBITED in json.dumps(order.get("orderDetail", []))


@pytest_asyncio.fixture(scope="module")
async def hospital(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hospital]:
    folder: Path = tmp_path_factory.mktemp("hospital")
    async with stand_in("public_health", folder, token="open-sesame") as standin:
        yield Hospital(standin, folder)


@pytest_asyncio.fixture
async def agency(hospital: Hospital) -> Hospital:
    await hospital.begin()
    return hospital


@pytest_asyncio.fixture
async def adapter(agency: Hospital) -> AsyncIterator[PublicHealth]:
    async with client_to(f"{agency.standin.url}/fhir") as client:
        yield PublicHealth(AdapterSettings(agency_secret="open-sesame"), client)


class TestPublicHealth(AdapterConformance):
    def delivery(self, **changes: Any) -> Delivery:
        return sample_delivery(unit_external_ids={"hcode9": "ZT0000001"}, **changes)


async def test_a_referral_is_told_from_acceptance_to_completion(
    agency: Hospital, adapter: PublicHealth
):
    delivery = sample_delivery()
    await agency.standin.play()
    await adapter.deliver(delivery)
    news = News(adapter)
    updates = await news.until(Action.COMPLETE)
    assert news.actions == [
        Action.ACCEPT,
        Action.START,
        Action.RECORD_REACHED,
        Action.COMPLETE,
    ]
    assert {update.assignment_id for update in updates} == {delivery.assignment_id}
    assert updates[-1].outcomes == ("helped",)
    reached = (await agency.referral(delivery.assignment_id))["reached_at"]
    assert updates[2].occurred_at.isoformat() == reached.replace("Z", "+00:00")
    assert [each.occurred_at for each in updates] == sorted(each.occurred_at for each in updates)


@pytest.mark.parametrize("ours", sorted(MAP.table("decline").out))
async def test_every_reason_to_decline_comes_back_as_our_code(
    agency: Hospital, adapter: PublicHealth, ours: str
):
    theirs = MAP.table("decline").theirs(ours)
    await agency.standin.play(otherwise=[{"do": "decline", "after": 0, "reason": theirs}])
    await adapter.deliver(sample_delivery())
    (update,) = await News(adapter).until(Action.DECLINE)
    assert update.reason_code == ours


async def test_a_reason_that_no_table_knows_is_not_made_up(agency: Hospital, adapter: PublicHealth):
    await agency.standin.play(otherwise=[{"do": "decline", "after": 0, "reason": "full-moon"}])
    await adapter.deliver(sample_delivery())
    (update,) = await News(adapter).until(Action.DECLINE)
    assert update.reason_code == ""


async def test_a_pause_and_its_end_are_told_each_time(agency: Hospital, adapter: PublicHealth):
    delivery, news = sample_delivery(), News(adapter)
    await adapter.deliver(delivery)
    for step in ("accept", "start", "hold", "resume", "hold", "resume"):
        await agency.standin.act(delivery.assignment_id, step)
        await news.read()
    assert news.actions[:3] == [Action.ACCEPT, Action.START, Action.HOLD]
    assert news.actions.count(Action.HOLD) == 2
    assert news.actions.count(Action.START) == 3
    assert news.updates[2].reason_code == "waiting_person"


def calling_off(delivery: Delivery) -> Delivery:
    other = sample_delivery()
    return replace(delivery, kind=DeliveryKind.CANCEL, delivery_id=other.delivery_id, case_seq=2)


async def test_called_off_before_acceptance_the_task_is_cancelled(
    agency: Hospital, adapter: PublicHealth
):
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    assert await adapter.find(calling_off(delivery)) is None
    await adapter.deliver(calling_off(delivery))
    assert (await adapter.find(calling_off(delivery))) is not None
    assert (await agency.standin.ledger())["states"] == {"cancelled": 1}
    assert Action.CONFIRM_CANCEL in {u.action for u in await _read(adapter)}


async def _read(adapter: PublicHealth) -> list[Any]:
    news = News(adapter)
    await news.read()
    return news.updates


@pytest.mark.parametrize(
    ("answer", "action"),
    [("confirm", Action.CONFIRM_CANCEL), ("refuse", Action.REFUSE_CANCEL)],
)
async def test_called_off_after_acceptance_the_hospital_answers(
    agency: Hospital, adapter: PublicHealth, answer: str, action: Action
):
    delivery = sample_delivery()
    await agency.standin.play(otherwise=[], on_cancel=answer)
    await adapter.deliver(delivery)
    await agency.standin.act(delivery.assignment_id, "accept")
    await adapter.deliver(calling_off(delivery))
    updates = await News(adapter).until(action)
    if action is Action.REFUSE_CANCEL:
        assert updates[-1].reason_code == "already_served"


async def test_news_of_their_own_report_is_told_once(agency: Hospital, adapter: PublicHealth):
    told = sample_delivery(kind=DeliveryKind.STATUS, status="reached")
    assert await adapter.find(told) is None
    first, second = await adapter.deliver(told), await adapter.deliver(told)
    assert first == second == await adapter.find(told)
    ledger = await agency.standin.ledger()
    assert ledger["news"] == {"received": 2, "kept": 1}
    assert ledger["effects"] == 0


async def test_every_person_of_a_case_is_a_patient_and_is_never_made_twice(
    agency: Hospital, adapter: PublicHealth
):
    people = (
        Person("P1", "15-17", "female", "THA", ("child",)),
        Person("P2", "", "", "", ()),
    )
    delivery = sample_delivery(people=people)
    await adapter.deliver(delivery)
    other = sample_delivery()
    again = replace(
        delivery, delivery_id=other.delivery_id, assignment_id=other.assignment_id, case_seq=2
    )
    await adapter.deliver(again)
    found = await agency.standin.client.get(
        "/fhir/Patient", headers={"Authorization": "Bearer open-sesame"}
    )
    assert len(found.json()["entry"]) == 2
    assert await agency.effects() == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>", UnknownError),
        (200, b"[]", UnknownError),
        (200, b'{"resourceType": "Bundle", "entry": [{"response": {}}]}', UnknownError),
        (200, b'{"resourceType": "Bundle", "entry": 7}', UnknownError),
        (422, b'{"issue": [{"code": "structure"}]}', PermanentError),
        (422, b'{"issue": 7}', PermanentError),
        (503, b"", TransientError),
        (401, b"", TransientError),
        (500, b"", UnknownError),
    ],
)
async def test_a_hostile_answer_is_classed_and_never_believed(
    status: int, body: bytes, error: type[Exception]
):
    def answer(_call: Call) -> int:
        return status

    async with listening(answer, body) as server, client_to(server.url) as client:
        adapter = PublicHealth(AdapterSettings(), client)
        with pytest.raises(error):
            await adapter.deliver(sample_delivery())


async def test_a_malformed_task_is_set_aside_and_blocks_nothing():
    good = {
        "resourceType": "Task",
        "id": "good",
        "status": "accepted",
        "meta": {"versionId": "1", "lastUpdated": "2026-04-10T08:00:00Z"},
        "identifier": [],
    }
    tasks: list[Any] = [
        {**good, "id": "a", "meta": {}},
        {**good, "id": "b", "meta": {"versionId": "1", "lastUpdated": "yesterday"}},
        {**good, "id": "c", "identifier": 7},
        good,
    ]
    bundle = {"resourceType": "Bundle", "entry": [{"resource": each} for each in tasks]}
    body = json.dumps(bundle).encode()
    async with listening(body=body) as server, client_to(server.url) as client:
        page = await PublicHealth(AdapterSettings(), client).fetch("")
    assert [update.agency_record_id for update in page.updates] == ["Task/good"]
    assert {each.reason for each in page.strange} == {"TASK_MALFORMED"}
    assert len(page.strange) == 3


async def test_the_next_page_is_asked_of_the_hospital_whatever_address_it_names():
    bundle = {
        "resourceType": "Bundle",
        "link": [{"relation": "next", "url": "http://evil.example/fhir/Task?page=2"}],
        "entry": [],
    }
    async with (
        listening(body=json.dumps(bundle).encode()) as server,
        client_to(server.url) as client,
    ):
        adapter = PublicHealth(AdapterSettings(), client)
        page = await adapter.fetch("")
        assert page.more
        await adapter.fetch(page.cursor)
        assert server.calls[-1].path == "/Task?page=2"


def varied_deliveries() -> list[Delivery]:
    bare = sample_delivery(
        people=(),
        need_summary="",
        unit_name="",
        province_code="",
        district_code="",
        subdistrict_code="",
        latitude=None,
        longitude=None,
    )
    full = sample_delivery(
        ess_cause="detention",
        silent=True,
        part="lead",
        unit_external_ids={"hcode9": "ZT0000001"},
        people=(Person("P1", "0-6", "male", "MMR", ("child", "migrant")),) * 2,
        safe_contact=SafeContact(
            contact_prohibited=True, channels=("line",), hours="09:00-16:00", language="mya"
        ),
    )
    return [sample_delivery(), bare, full]


@pytest.mark.parametrize("delivery", varied_deliveries(), ids=["plain", "bare", "full"])
def test_what_is_sent_is_valid_by_the_official_schema(delivery: Delivery):
    schema = json.loads(spec_file("fhir-r4/fhir.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft6Validator(schema)
    for entry in offer(delivery, MAP)["entry"]:
        resource = entry["resource"]
        validator.evolve(
            schema={**schema, "$ref": f"#/definitions/{resource['resourceType']}"}
        ).validate(resource)
