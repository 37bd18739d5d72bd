"""The adapter to foundations against their stand-in, over Standard Webhooks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from adapters.ngo.adapter import Ngo, signed
from adapters.sdk import (
    AdapterSettings,
    Delivery,
    DeliveryKind,
    NotSupportedError,
    PermanentError,
    TransientError,
    UnknownError,
)
from adapters.sdk.conformance import AdapterConformance, sample_delivery
from mesh.clock import VirtualClock
from tests.integration.adapters.stand_in_agency import StandInAgency, client_to, stand_in
from tests.listening import listening
from tests.spec import spec_file

SECRET = "whsec_c29uZ3Rvci10ZXN0cy1zZWNyZXQtMDAx"
NOWHERE = "http://127.0.0.1:9"


class Foundation(StandInAgency):
    async def forbids_contact(self, record_id: str) -> bool:
        row = await self.referral(await self.reference_of(record_id))
        forbids: bool = json.loads(row["body"])["data"]["safe_contact"]["contact_prohibited"]
        return forbids


@pytest_asyncio.fixture(scope="module")
async def foundation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Foundation]:
    folder = tmp_path_factory.mktemp("ngo")
    async with stand_in(
        "ngo", folder, webhook_secret=SECRET, gateway_url=NOWHERE, api_key="k"
    ) as standin:
        yield Foundation(standin, folder)


@pytest_asyncio.fixture
async def agency(foundation: Foundation) -> Foundation:
    await foundation.begin()
    return foundation


@pytest_asyncio.fixture
async def adapter(agency: Foundation) -> AsyncIterator[Ngo]:
    async with client_to(agency.standin.url) as client:
        yield Ngo(AdapterSettings(agency_secret=SECRET), client)


class TestNgo(AdapterConformance):
    """A foundation is told; its answers come by the gateway."""

    is_read = False

    def delivery(self, **changes: Any) -> Delivery:
        return sample_delivery(unit_external_ids={"ngo": "ZT0000001"}, **changes)


async def test_the_official_library_verifies_what_is_sent():
    async with listening(lambda _call: 204) as server, client_to(server.url) as client:
        await Ngo(AdapterSettings(agency_secret=SECRET), client).deliver(sample_delivery())
        (call,) = server.calls
    event = Webhook(SECRET).verify(call.body, call.headers)
    assert event["type"] == "referral.offered"


def test_the_official_vector_is_reproduced():
    vectors = json.loads(spec_file("standard-webhooks/vectors.json").read_text(encoding="utf-8"))
    for vector in vectors["valid"]:
        sent_at = datetime.fromtimestamp(int(vector["webhook-timestamp"]), UTC)
        signer = Webhook(vector["secret"])
        headers = signed(signer, vector["webhook-id"], sent_at, vector["payload"])
        assert headers["webhook-signature"] == vector["webhook-signature"]
        assert headers["webhook-timestamp"] == vector["webhook-timestamp"]


async def test_the_time_that_is_signed_is_that_of_the_shared_clock(tmp_path: Path):
    clock = VirtualClock(tmp_path / "clock")
    clock.advance(timedelta(hours=25))
    secrets = {"webhook_secret": SECRET, "gateway_url": NOWHERE, "api_key": "k"}
    async with (
        stand_in("ngo", tmp_path, clock_file=tmp_path / "clock", **secrets) as standin,
        client_to(standin.url) as client,
    ):
        told = AdapterSettings(env="sandbox", agency_secret=SECRET, clock_file=tmp_path / "clock")
        await Ngo(told, client).deliver(sample_delivery())
        assert (await standin.ledger())["effects"] == 1


async def test_with_another_secret_the_foundation_takes_nothing(agency: Foundation):
    other = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA=="
    async with client_to(agency.standin.url) as client:
        with pytest.raises(TransientError):
            await Ngo(AdapterSettings(agency_secret=other), client).deliver(sample_delivery())
    assert await agency.effects() == 0


async def test_called_off_the_foundation_is_told_once(agency: Foundation, adapter: Ngo):
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    off = replace(delivery, kind=DeliveryKind.CANCEL, delivery_id=sample_delivery().delivery_id)
    assert await adapter.find(off) is None
    await adapter.deliver(off)
    await adapter.deliver(off)
    assert await adapter.find(off) is not None
    await agency.standin.comes_to(delivery.assignment_id, "cancelled")


async def test_news_of_their_own_report_is_told_once(agency: Foundation, adapter: Ngo):
    news = sample_delivery(kind=DeliveryKind.STATUS, status="reached")
    await adapter.deliver(news)
    await adapter.deliver(news)
    ledger = await agency.standin.ledger()
    assert (ledger["effects"], ledger["news"]) == (0, {"received": 2, "kept": 1})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (503, TransientError),
        (429, TransientError),
        (401, TransientError),
        (500, UnknownError),
        (302, PermanentError),
        (410, PermanentError),
    ],
)
async def test_a_refusal_is_classed_by_what_must_happen_next(status: int, error: type[Exception]):
    async with listening(lambda _call: status) as server, client_to(server.url) as client:
        with pytest.raises(error):
            await Ngo(AdapterSettings(agency_secret=SECRET), client).deliver(sample_delivery())


async def test_a_partner_that_cannot_be_asked_leaves_an_unknown_outcome_to_a_person():
    async with listening(lambda _call: 405) as server, client_to(server.url) as client:
        with pytest.raises(NotSupportedError):
            await Ngo(AdapterSettings(agency_secret=SECRET), client).find(sample_delivery())
