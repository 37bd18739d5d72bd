"""The hospital's stand-in, driven by plain HTTP as any FHIR client would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mesh.clock import VirtualClock
from tests.standins import Standin, eventually, running

FHIR = {"Content-Type": "application/fhir+json"}
KEYS = "https://sender.example/key"


@pytest_asyncio.fixture(scope="module")
async def hospital(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standin]:
    folder: Path = tmp_path_factory.mktemp("hospital")
    async with running("public_health", folder) as standin:
        yield standin


def task(name: str, **changes: Any) -> dict[str, Any]:
    placer = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "PLAC"}]
    }
    return {
        "resourceType": "Task",
        "identifier": [
            {"system": KEYS, "value": f"key-{name}"},
            {"type": placer, "system": "https://sender.example/referral", "value": name},
        ],
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"}]
        },
        "focus": {"reference": "urn:uuid:order"},
        "for": {"reference": "urn:uuid:patient"},
        "authoredOn": "2026-04-10T08:00:00Z",
        "requester": {"display": "hub"},
        "owner": {
            "identifier": {"system": "https://terms.sil-th.org/id/th-moph-hcode", "value": "11111"}
        },
    } | changes


def bundle(name: str, **changes: Any) -> dict[str, Any]:
    patient = {"resourceType": "Patient", "identifier": [{"system": KEYS, "value": f"key-{name}"}]}
    order = {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": KEYS, "value": f"key-{name}"}],
        "status": "active",
        "intent": "order",
        "code": {
            "coding": [{"system": "https://sender.example/problem", "code": "unready_pregnancy"}]
        },
        "subject": {"reference": "urn:uuid:patient"},
        "reasonCode": [{"text": "ทดสอบ"}],
    }
    resources = [("patient", patient), ("order", order), ("task", task(name, **changes))]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{local}",
                "resource": resource,
                "request": {
                    "method": "POST",
                    "url": resource["resourceType"],
                    "ifNoneExist": f"identifier={KEYS}|key-{name}",
                },
            }
            for local, resource in resources
        ],
    }


async def send(hospital: Standin, name: str) -> str:
    """Send a referral and return the address of its Task."""
    answer = await hospital.client.post("/fhir", json=bundle(name), headers=FHIR)
    assert answer.status_code == 200, answer.text
    location: str = answer.json()["entry"][2]["response"]["location"]
    return location.partition("/_history")[0]


async def read(hospital: Standin, address: str) -> dict[str, Any]:
    resource: dict[str, Any] = (await hospital.client.get(f"/fhir/{address}")).json()
    return resource


async def test_a_referral_is_accepted_reached_and_completed(hospital: Standin):
    address = await send(hospital, "ends-well")
    await hospital.comes_to("ends-well", "completed")
    done = await read(hospital, address)
    assert done["status"] == "completed"
    kinds = [i.get("type", {}).get("coding", [{}])[0].get("code") for i in done["identifier"]]
    assert kinds == [None, "PLAC", "FILL"]
    procedure = await read(hospital, done["output"][0]["valueReference"]["reference"])
    assert procedure["subject"] == done["for"]


async def test_the_same_conditional_create_again_opens_no_second_file(hospital: Standin):
    first, second = await send(hospital, "twice"), await send(hospital, "twice")
    ledger = await hospital.ledger()
    assert first == second
    assert ledger["references"]["twice"]["deliveries"] == 2
    assert ledger["doubled"] == []


async def test_a_create_without_a_condition_opens_a_file_each_time_and_shows_it(
    tmp_path: Path,
):
    async with running("public_health", tmp_path) as hospital:
        for _ in range(2):
            answer = await hospital.client.post("/fhir/Task", json=task("blind"), headers=FHIR)
            assert answer.status_code == 201
        assert (await hospital.ledger())["doubled"] == ["blind"]


async def test_references_within_a_bundle_lead_to_the_stored_resources(hospital: Standin):
    stored = await read(hospital, await send(hospital, "linked"))
    order = await read(hospital, stored["focus"]["reference"])
    assert order["subject"] == stored["for"]
    assert (await read(hospital, order["subject"]["reference"]))["resourceType"] == "Patient"


async def test_a_search_by_last_update_returns_every_change_once_page_by_page(hospital: Standin):
    names = {f"page-{number}" for number in range(5)}
    for name in names:
        await send(hospital, name)
        await hospital.comes_to(name, "completed")
    query = "/fhir/Task?_lastUpdated=ge2026-01-01T00:00:00Z&status=completed&_count=2"
    seen: list[str] = []
    while query:
        page = (await hospital.client.get(query)).json()
        seen += [entry["resource"]["identifier"][1]["value"] for entry in page["entry"]]
        query = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert names <= set(seen)
    assert len(seen) == len(set(seen))


async def test_a_search_by_identifier_finds_the_one_task_and_its_order(hospital: Standin):
    address = await send(hospital, "wanted")
    found = await hospital.client.get(
        "/fhir/Task", params={"identifier": f"{KEYS}|key-wanted", "_include": "Task:focus"}
    )
    kinds = [entry["resource"]["resourceType"] for entry in found.json()["entry"]]
    assert kinds == ["Task", "ServiceRequest"]
    assert f"Task/{found.json()['entry'][0]['resource']['id']}" == address


@pytest.mark.parametrize(
    ("asked", "body", "answered"),
    [
        (("POST", "/fhir/Task"), {"resourceType": "Task"}, (422, "structure")),
        (("POST", "/fhir/Task"), task("bad", intent="plan"), (422, "value")),
        (("POST", "/fhir/Task"), task("bad", status="accepted"), (422, "business-rule")),
        (("POST", "/fhir/Task"), task("bad", status="nonsense"), (422, "business-rule")),
        (("POST", "/fhir/Task"), task("bad", colour="red"), (422, "structure")),
        (("POST", "/fhir/Task"), [], (400, "structure")),
        (("POST", "/fhir/Patient"), task("bad"), (400, "invalid")),
        (("PUT", "/fhir/Task/none"), task("bad", id="none"), (404, "not-found")),
        (("GET", "/fhir/Task/none"), None, (404, "not-found")),
        (("GET", "/fhir/Medication"), None, (404, "not-supported")),
        (("GET", "/fhir/Task?colour=red"), None, (400, "not-supported")),
    ],
)
async def test_what_is_wrong_is_answered_with_an_operation_outcome(
    hospital: Standin, asked: tuple[str, str], body: Any, answered: tuple[int, str]
):
    answer = await hospital.client.request(*asked, json=body, headers=FHIR)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == answered
    assert answer.headers["content-type"].startswith("application/fhir+json")


async def test_a_bundle_with_one_bad_entry_stores_nothing(hospital: Standin):
    before = (await hospital.ledger())["effects"]
    bad = bundle("half")
    bad["entry"][2]["resource"]["intent"] = "plan"
    answer = await hospital.client.post("/fhir", json=bad, headers=FHIR)
    assert answer.status_code == 422
    found = await hospital.client.get("/fhir/Patient", params={"identifier": f"{KEYS}|key-half"})
    assert found.json()["entry"] == []
    assert (await hospital.ledger())["effects"] == before


async def test_the_requester_may_cancel_but_not_accept(tmp_path: Path):
    async with running("public_health", tmp_path) as hospital:
        await hospital.play(otherwise=[])
        address = await send(hospital, "mine")
        stored = await read(hospital, address)
        refused = await hospital.client.put(
            f"/fhir/{address}", json={**stored, "status": "accepted"}, headers=FHIR
        )
        assert refused.status_code == 422
        stale = {**FHIR, "If-Match": 'W/"9"'}
        wanted = {**stored, "status": "cancelled", "statusReason": {"text": "ขอยกเลิก"}}
        again = await hospital.client.put(f"/fhir/{address}", json=wanted, headers=stale)
        assert again.status_code == 412
        done = await hospital.client.put(f"/fhir/{address}", json=wanted, headers=FHIR)
        assert done.status_code == 200
        assert (await hospital.ledger())["states"] == {"cancelled": 1}


async def test_asked_to_cancel_the_hospital_confirms_or_refuses_as_scripted(tmp_path: Path):
    async with running("public_health", tmp_path) as hospital:
        await hospital.play(otherwise=[{"do": "accept", "after": 0}], on_cancel="refuse")
        address = await send(hospital, "goes-on")
        await hospital.comes_to("goes-on", "accepted")
        asked = await read(hospital, address) | {
            "businessStatus": {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS",
                        "code": "5.2",
                    }
                ]
            }
        }
        await hospital.client.put(f"/fhir/{address}", json=asked, headers=FHIR)

        async def refused() -> bool:
            now = await read(hospital, address)
            return now["status"] == "accepted" and "statusReason" in now

        await eventually(refused)
        await hospital.play(otherwise=[], on_cancel="confirm")
        address = await send(hospital, "stops")
        await hospital.client.put(
            f"/fhir/{address}",
            json=await read(hospital, address) | {"businessStatus": asked["businessStatus"]},
            headers=FHIR,
        )
        await hospital.comes_to("stops", "cancelled")


async def test_a_killed_hospital_goes_on_where_it_was(tmp_path: Path):
    clock = VirtualClock(tmp_path / "clock")
    slow = [{"do": "accept", "after": 0}, {"do": "reach", "after": 3600}, {"do": "complete"}]
    async with running("public_health", tmp_path, clock_file=tmp_path / "clock") as hospital:
        await hospital.play(otherwise=slow)
        await send(hospital, "survives")
        await hospital.comes_to("survives", "accepted")
        await hospital.kill()
        await hospital.start()
        assert (await hospital.ledger())["references"]["survives"]["state"] == "accepted"
        clock.advance(timedelta(hours=1))
        await hospital.comes_to("survives", "completed")


async def test_a_lost_reply_leaves_the_effect_in_place(tmp_path: Path):
    async with running("public_health", tmp_path) as hospital:
        await hospital.misbehave("fail_after")
        answer = await hospital.client.post("/fhir", json=bundle("unsure"), headers=FHIR)
        assert answer.status_code == 500
        assert list((await hospital.ledger())["references"]) == ["unsure"]


async def test_without_its_token_the_hospital_answers_nobody(tmp_path: Path):
    async with running("public_health", tmp_path, token="open-sesame") as hospital:
        refused = await hospital.client.get("/fhir/Task")
        assert (refused.status_code, refused.json()["issue"][0]["code"]) == (401, "login")
        allowed = await hospital.client.get(
            "/fhir/metadata", headers={"Authorization": "Bearer open-sesame"}
        )
        assert allowed.json()["fhirVersion"] == "4.3.0"


async def test_asked_to_stop_the_hospital_ends_cleanly(tmp_path: Path):
    async with running("public_health", tmp_path) as hospital:
        assert await hospital.stop() == 0
