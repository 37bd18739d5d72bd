"""The adapter that fails on demand keeps every promise when it is not asked to fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

import httpx2
import pytest
import pytest_asyncio

from adapters.faulty.adapter import Faulty
from adapters.faulty.plan import Fault, Kind, News, Plan
from adapters.sdk import (
    AdapterSettings,
    PermanentError,
    TransientError,
    UnknownError,
)
from adapters.sdk.conformance import AdapterConformance, sample_delivery
from tests.integration.adapters.stand_in_agency import Inbox, client_to


class Memory:
    """The agency that lives in the adapter itself."""

    def __init__(self, adapter: Faulty) -> None:
        self._adapter = adapter

    async def effects(self) -> int:
        return len(self._adapter.files)

    async def received(self) -> str:
        files = [asdict(delivery) for delivery in self._adapter.files.values()]
        return json.dumps(files, ensure_ascii=False, default=str)

    async def loses_the_reply(self) -> None:
        self._adapter.plan(Plan(faults=(Fault(kind=Kind.DONE_UNKNOWN),)))

    async def is_away(self) -> None:
        self._adapter.plan(Plan(faults=(Fault(kind=Kind.TRANSIENT, times=99),)))

    async def forbids_contact(self, record_id: str) -> bool:
        return self._file(record_id).safe_contact.contact_prohibited

    async def acts(self, record_id: str) -> None:
        self._adapter.act(News(assignment_id=self._file(record_id).assignment_id, action="accept"))

    def _file(self, record_id: str):
        return self._adapter.files[record_id.removeprefix("faulty/")]


@pytest_asyncio.fixture
async def adapter() -> AsyncIterator[Faulty]:
    async with client_to("http://127.0.0.1:9") as client:
        yield Faulty(AdapterSettings(), client)


@pytest.fixture
def agency(adapter: Faulty) -> Memory:
    return Memory(adapter)


class TestFaulty(AdapterConformance):
    """No failure planned but what a promise asks for."""


@pytest.mark.parametrize(
    ("kind", "error", "effects"),
    [
        (Kind.TRANSIENT, TransientError, 0),
        (Kind.PERMANENT, PermanentError, 0),
        (Kind.LOST_UNKNOWN, UnknownError, 0),
        (Kind.DONE_UNKNOWN, UnknownError, 1),
        (Kind.CRASH, RuntimeError, 0),
    ],
)
async def test_it_fails_as_planned_and_then_no_more(
    adapter: Faulty, kind: Kind, error: type[Exception], effects: int
):
    adapter.plan(Plan(faults=(Fault(kind=kind),)))
    with pytest.raises(error):
        await adapter.deliver(sample_delivery())
    assert len(adapter.files) == effects
    await adapter.deliver(sample_delivery())
    assert len(adapter.files) == effects + 1


async def test_a_slow_delivery_is_done_in_the_end(adapter: Faulty):
    adapter.plan(Plan(faults=(Fault(kind=Kind.SLOW, seconds=0.2),)))
    delivery = sample_delivery()
    task = asyncio.create_task(adapter.deliver(delivery))
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    assert (await task).agency_record_id == f"faulty/{delivery.delivery_id}"


async def test_a_failure_planned_for_one_assignment_hits_no_other(adapter: Faulty):
    hit, spared = sample_delivery(), sample_delivery()
    fault = Fault(kind=Kind.PERMANENT, assignment_id=hit.assignment_id)
    adapter.plan(Plan(faults=(fault,)))
    await adapter.deliver(spared)
    with pytest.raises(PermanentError):
        await adapter.deliver(hit)


async def test_it_is_controlled_from_outside(adapter: Faulty):
    transport = httpx2.ASGITransport(adapter.listener(Inbox()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://faulty") as control:
        plan = {"faults": [{"kind": "transient"}]}
        assert (await control.put("/plan", json=plan)).status_code == 204
        assert (await control.put("/plan", json={"faults": 7})).status_code == 400
        with pytest.raises(TransientError):
            await adapter.deliver(sample_delivery())
        delivery = sample_delivery()
        await adapter.deliver(delivery)
        news = {"assignment_id": delivery.assignment_id, "action": "accept"}
        assert (await control.post("/news", json=news)).status_code == 204
        assert (await control.get("/carried")).json() == {delivery.delivery_id: 1}
    page = await adapter.fetch("")
    assert [update.assignment_id for update in page.updates] == [delivery.assignment_id]
