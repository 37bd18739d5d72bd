"""The case management's stand-in: tokens, cases, referrals, consent and webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from mesh.clock import VirtualClock
from tests.listening import listening
from tests.standins import Standin, eventually, running

PASSWORD = "a password"
CONSENT = {"consent_for_services": True, "disclosure_other_orgs": True}


@asynccontextmanager
async def signed_in(folder: Path, **settings: Any) -> AsyncIterator[Standin]:
    secrets = {"password": PASSWORD, "secret": "a signing key"}
    async with running("msdhs", folder, **secrets, **settings) as cases:
        await sign_in(cases)
        yield cases


async def sign_in(cases: Standin, password: str = PASSWORD) -> int:
    user = {"user": {"user_name": "songtor", "password": password}}
    answer = await cases.client.post("/api/v2/tokens", json=user)
    cases.client.headers["Authorization"] = answer.headers.get("authorization", "")
    return answer.status_code


async def open_case(cases: Standin, service: str, **fields: Any) -> str:
    case = str(uuid4())
    data = {"id": case, "services_section": [{"unique_id": service}], **CONSENT, **fields}
    answer = await cases.client.post("/api/v2/cases", json={"data": data})
    assert answer.status_code == 204, answer.text
    return case


async def refer(cases: Standin, case: str, service: str, **fields: Any) -> Any:
    data = {"transitioned_to": "shelter-50", "service_record_id": service, **fields}
    return await cases.client.post(f"/api/v2/cases/{case}/referrals", json={"data": data})


async def test_a_referral_is_accepted_implemented_and_done(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        service = str(uuid4())
        case = await open_case(cases, service)
        assert (await refer(cases, case, service)).json()["data"]["status"] == "in_progress"
        await cases.comes_to(service, "completed")
        (referral,) = (await cases.client.get(f"/api/v2/cases/{case}/referrals")).json()["data"]
        assert referral["status"] == "done"
        told = (await cases.client.get(f"/api/v2/cases/{case}")).json()["data"]
        (section,) = told["services_section"]
        assert section["service_implemented"] == "implemented"
        assert section["service_implemented_day_time"]


async def test_without_a_token_or_with_a_wrong_password_nobody_is_let_in(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        assert await sign_in(cases, "a guess") == 401
        answer = await cases.client.get("/api/v2/cases")
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["status"] == 401


async def test_a_token_runs_out_after_an_hour_of_the_shared_clock(tmp_path: Path):
    clock = VirtualClock(tmp_path / "clock")
    async with signed_in(tmp_path, clock_file=tmp_path / "clock") as cases:
        assert (await cases.client.get("/api/v2/cases")).status_code == 200
        clock.advance(timedelta(minutes=61))
        assert (await cases.client.get("/api/v2/cases")).status_code == 401


async def test_the_same_case_again_is_a_conflict(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        case = await open_case(cases, str(uuid4()))
        again = await cases.client.post("/api/v2/cases", json={"data": {"id": case}})
        assert again.status_code == 409


@pytest.mark.parametrize(
    ("module", "consent", "status"),
    [
        ("primeromodule-cp", CONSENT, 200),
        ("primeromodule-cp", {"consent_for_services": True}, 422),
        ("primeromodule-gbv", {"consent_for_services": True}, 200),
        ("primeromodule-gbv", {}, 422),
    ],
)
async def test_without_consent_nothing_is_referred(
    tmp_path: Path, module: str, consent: dict[str, bool], status: int
):
    async with signed_in(tmp_path) as cases:
        service = str(uuid4())
        nobody_asked = {"consent_for_services": None, "disclosure_other_orgs": None}
        case = await open_case(cases, service, module_id=module, **(nobody_asked | consent))
        answer = await refer(cases, case, service)
        assert answer.status_code == status
        if status == 422:
            assert answer.json()["errors"][0]["detail"] == "consent"
            overridden = await refer(cases, case, service, consent_overridden=True)
            assert overridden.status_code == 200


async def test_a_referral_sent_blindly_again_is_a_second_effect_and_shows(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        service = str(uuid4())
        case = await open_case(cases, service)
        await refer(cases, case, service)
        await refer(cases, case, service)
        assert (await cases.ledger())["doubled"] == [service]


async def test_a_change_is_told_once_even_if_nobody_takes_it(tmp_path: Path):
    async with (
        listening(lambda _call: 500) as hub,
        signed_in(tmp_path, push_url=hub.url, push_token="k") as cases,
    ):
        service = str(uuid4())
        case = await open_case(cases, service)
        await cases.play(otherwise=[{"do": "accept", "after": 0}])
        await refer(cases, case, service)
        await cases.comes_to(service, "accepted")
        await eventually(lambda: _told(hub.calls))
        await cases.act(service, "reach")
        await eventually(lambda: _told(hub.calls, 2))
        assert [call.json()["data"]["record_id"] for call in hub.calls] == [case, case]


async def _told(calls: list[Any], times: int = 1) -> bool:
    return len(calls) == times


async def test_changed_cases_are_listed_by_when_they_changed(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        first, second = [await open_case(cases, str(uuid4())) for _ in range(2)]
        known = (await cases.client.get(f"/api/v2/cases/{second}")).json()["data"]
        listed = await cases.client.get(
            "/api/v2/cases",
            params={"last_updated_at": f"{known['last_updated_at']}..", "fields": "id"},
        )
        assert listed.json()["data"] == [{"id": second}]
        everything = (await cases.client.get("/api/v2/cases", params={"per": 1, "page": 2})).json()
        assert everything["metadata"] == {"total": 2, "per": 1, "page": 2}
        assert first != second


async def test_a_revoked_referral_is_closed_at_the_shelter(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        await cases.play(otherwise=[])
        service = str(uuid4())
        case = await open_case(cases, service)
        referral = (await refer(cases, case, service)).json()["data"]["id"]
        await cases.client.delete(f"/api/v2/cases/{case}/referrals/{referral}")
        await cases.comes_to(service, "cancelled")


async def test_a_refused_referral_carries_its_reason(tmp_path: Path):
    async with signed_in(tmp_path) as cases:
        await cases.play(otherwise=[{"do": "decline", "after": 0, "reason": "no_bed"}])
        service = str(uuid4())
        case = await open_case(cases, service)
        await refer(cases, case, service)
        await cases.comes_to(service, "declined")
        (referral,) = (await cases.client.get(f"/api/v2/cases/{case}/referrals")).json()["data"]
        assert (referral["status"], referral["rejected_reason"]) == ("rejected", "no_bed")


@pytest.mark.parametrize(
    ("data", "detail"),
    [({"id": "not a uuid"}, "id"), ({"age": "sixteen"}, "age"), (None, "data")],
)
async def test_what_does_not_validate_is_answered_with_errors(
    tmp_path: Path, data: Any, detail: str
):
    async with signed_in(tmp_path) as cases:
        answer = await cases.client.post("/api/v2/cases", json={"data": data})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["detail"] == detail
