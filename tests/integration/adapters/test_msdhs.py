"""The adapter to the shelters' case management against its stand-in, over the Primero API."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from adapters.msdhs.adapter import MAP, Msdhs
from adapters.sdk import (
    Action,
    AdapterSettings,
    Delivery,
    DeliveryKind,
    PermanentError,
    Person,
    TransientError,
    UnknownError,
)
from adapters.sdk.conformance import AdapterConformance, sample_delivery
from mesh.clock import VirtualClock
from sandbox.ports import free_ports
from tests.integration.adapters.stand_in_agency import (
    Inbox,
    News,
    StandInAgency,
    client_to,
    stand_in,
)
from tests.listening import Call, listening
from tests.serving import served
from tests.standins import Standin, eventually

SECRETS = {"password": "a password", "secret": "a signing key"}


def settings(**more: str) -> AdapterSettings:
    return AdapterSettings(agency_user="songtor", agency_secret="a password", **more)


class CaseManagement(StandInAgency):
    lossy_request = ("POST", "/referrals")

    def __init__(self, standin: Standin, folder: Path) -> None:
        super().__init__(standin, folder)
        self._file = folder / "msdhs.sqlite3"

    async def forbids_contact(self, record_id: str) -> bool:
        case = self.document("referral", record_id)["record_id"]
        with closing(sqlite3.connect(self._file)) as file:
            flags = file.execute("SELECT status FROM news WHERE reference = ?", (case,)).fetchall()
        return MAP.table("flag").theirs("contact_prohibited") in [flag for (flag,) in flags]


@pytest_asyncio.fixture(scope="module")
async def cases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CaseManagement]:
    folder = tmp_path_factory.mktemp("msdhs")
    async with stand_in("msdhs", folder, **SECRETS) as standin:
        yield CaseManagement(standin, folder)


@pytest_asyncio.fixture
async def agency(cases: CaseManagement) -> CaseManagement:
    await cases.begin()
    return cases


@pytest_asyncio.fixture
async def adapter(agency: CaseManagement) -> AsyncIterator[Msdhs]:
    async with client_to(f"{agency.standin.url}/api/v2") as client:
        yield Msdhs(settings(), client)


class TestMsdhs(AdapterConformance):
    def delivery(self, **changes: Any) -> Delivery:
        return sample_delivery(unit_external_ids={"msdhs": "ZT0000001"}, **changes)


async def test_a_referral_is_told_from_acceptance_to_completion(
    agency: CaseManagement, adapter: Msdhs
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
    assert {each.assignment_id for each in updates} == {delivery.assignment_id}
    assert updates[-1].outcomes == ("helped",)


@pytest.mark.parametrize("ours", sorted(MAP.table("decline").out))
async def test_every_reason_to_decline_comes_back_as_our_code(
    agency: CaseManagement, adapter: Msdhs, ours: str
):
    theirs = MAP.table("decline").theirs(ours)
    await agency.standin.play(otherwise=[{"do": "decline", "after": 0, "reason": theirs}])
    await adapter.deliver(sample_delivery())
    (update,) = await News(adapter).until(Action.DECLINE)
    assert update.reason_code == ours


async def test_a_service_that_was_not_given_is_a_failure(agency: CaseManagement, adapter: Msdhs):
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    await agency.standin.act(delivery.assignment_id, "accept")
    await agency.standin.act(delivery.assignment_id, "fail")
    updates = await News(adapter).until(Action.FAIL)
    assert updates[-1].reason_code == "service_unavailable"


async def test_a_second_assignment_joins_the_same_case(agency: CaseManagement, adapter: Msdhs):
    first = sample_delivery()
    other = sample_delivery()
    second = replace(
        first, delivery_id=other.delivery_id, assignment_id=other.assignment_id, case_seq=2
    )
    await adapter.deliver(first)
    await adapter.deliver(second)
    case = agency.document("case", first.case_id)
    services = [each["unique_id"] for each in case["services_section"]]
    assert services == [first.assignment_id, second.assignment_id]
    ledger = await agency.standin.ledger()
    assert (ledger["effects"], ledger["doubled"]) == (2, [])


async def test_other_people_than_the_first_are_a_recorded_loss(
    agency: CaseManagement, adapter: Msdhs
):
    people = (Person("P1", "", "", "", ()), Person("P2", "", "", "", ()))
    receipt = await adapter.deliver(sample_delivery(people=people))
    assert "people" in receipt.losses


async def test_called_off_the_referral_is_revoked_once(agency: CaseManagement, adapter: Msdhs):
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    off = replace(delivery, kind=DeliveryKind.CANCEL, delivery_id=sample_delivery().delivery_id)
    assert await adapter.find(off) is None
    receipt = await adapter.deliver(off)
    assert receipt == await adapter.deliver(off) == await adapter.find(off)
    assert (await agency.standin.ledger())["states"] == {"cancelled": 1}
    await News(adapter).until(Action.CONFIRM_CANCEL)


async def test_news_becomes_a_flag_on_the_case(agency: CaseManagement, adapter: Msdhs):
    news = sample_delivery(kind=DeliveryKind.STATUS, status="reached")
    await adapter.deliver(news)
    await adapter.deliver(news)
    ledger = await agency.standin.ledger()
    assert (ledger["effects"], ledger["news"]) == (0, {"received": 2, "kept": 1})


async def test_a_token_that_ran_out_is_asked_for_again(tmp_path: Path):
    clock = VirtualClock(tmp_path / "clock")
    async with (
        stand_in("msdhs", tmp_path, clock_file=tmp_path / "clock", **SECRETS) as standin,
        client_to(f"{standin.url}/api/v2") as client,
    ):
        adapter = Msdhs(settings(), client)
        await adapter.deliver(sample_delivery())
        clock.advance(timedelta(minutes=61))
        await adapter.deliver(sample_delivery())
        assert (await standin.ledger())["effects"] == 2


async def test_with_a_wrong_password_nothing_is_done(agency: CaseManagement):
    wrong = AdapterSettings(agency_user="songtor", agency_secret="a guess")
    async with client_to(f"{agency.standin.url}/api/v2") as client:
        with pytest.raises(TransientError, match="SIGN_IN_REFUSED"):
            await Msdhs(wrong, client).deliver(sample_delivery())
    assert await agency.effects() == 0


@asynccontextmanager
async def told_by_webhook(folder: Path) -> AsyncIterator[tuple[Standin, Msdhs, Inbox]]:
    """Run the case management with a webhook to the adapter's own listener."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/primero"
    async with (
        stand_in("msdhs", folder, push_url=url, push_token="k", **SECRETS) as standin,
        client_to(f"{standin.url}/api/v2") as client,
    ):
        adapter, inbox = Msdhs(settings(callback_secret="k"), client), Inbox()
        async with served(adapter.listener(inbox), port):
            yield standin, adapter, inbox


async def test_what_the_webhook_tells_is_read_at_the_case(tmp_path: Path):
    async with told_by_webhook(tmp_path) as (_, adapter, inbox):
        await adapter.deliver(sample_delivery())
        await eventually(lambda: _heard(inbox, Action.COMPLETE))
        assert inbox.actions[0] is Action.ACCEPT
        assert set(inbox.actions) == {
            Action.ACCEPT,
            Action.START,
            Action.RECORD_REACHED,
            Action.COMPLETE,
        }


async def _heard(inbox: Inbox, action: Action) -> bool:
    return action in inbox.actions


async def test_a_webhook_and_a_look_tell_the_same_news(tmp_path: Path):
    async with told_by_webhook(tmp_path) as (standin, adapter, inbox):
        delivery = sample_delivery()
        await adapter.deliver(delivery)
        await standin.comes_to(delivery.assignment_id, "completed")
        await eventually(lambda: _heard(inbox, Action.COMPLETE))
        news = News(adapter)
        await news.read()
        assert {each.source_id for each in news.updates} == {
            each.source_id for each in inbox.updates
        }


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"data": {}}', b'{"data": {"record_id": "../../tokens"}}'],
)
async def test_a_webhook_that_names_no_record_is_refused(body: bytes):
    async with client_to("http://127.0.0.1:9") as client:
        listener = Msdhs(settings(callback_secret="k"), client).listener(Inbox())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(listener)) as caller:
            answer = await caller.post(
                "http://adapter/primero", content=body, headers={"Authorization": "Bearer k"}
            )
    assert answer.status_code == 400


CASE = "7e1c2d52-9f0b-4a58-8a57-0d6a2f5b7c11"
LISTED: dict[str, Any] = {"id": CASE, "last_updated_at": "2026-04-10T08:00:00Z"}


@pytest.mark.parametrize(
    "listed",
    [
        7,
        [7],
        [{**LISTED, "id": "../tokens"}],
        [{**LISTED, "last_updated_at": "yesterday"}],
        [{"id": CASE}],
    ],
)
async def test_a_list_that_is_none_is_not_believed(listed: Any):
    async with (
        listening(body=json.dumps({"data": listed}).encode()) as server,
        client_to(server.url) as client,
    ):
        with pytest.raises(UnknownError):
            await Msdhs(settings(), client).fetch("")


async def test_a_malformed_referral_is_set_aside():
    # The same body answers both questions: a case that is also its own, malformed, referral.
    body = json.dumps({"data": [{**LISTED, "status": "accepted"}]}).encode()
    async with listening(body=body) as server, client_to(server.url) as client:
        page = await Msdhs(settings(), client).fetch("")
    assert ([each.reason for each in page.strange], list(page.updates)) == (["CASE_MALFORMED"], [])


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, TransientError), (403, TransientError), (500, UnknownError), (422, PermanentError)],
)
async def test_a_refusal_is_classed_by_what_must_happen_next(status: int, error: type[Exception]):
    def answer(call: Call) -> int:
        return 200 if call.path.endswith("tokens") else status

    async with listening(answer, b'{"data": {}}') as server, client_to(server.url) as client:
        with pytest.raises(error):
            await Msdhs(settings(), client).deliver(sample_delivery())
