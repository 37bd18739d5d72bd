"""The labour office's stand-in, driven by zeep from the published contract alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
import zeep
from zeep.exceptions import Fault

from tests.standins import Standin, running


class Office:
    """A SOAP client of the stand-in."""

    def __init__(self, standin: Standin) -> None:
        self.standin = standin
        self._client = zeep.Client(f"{standin.url}/soap/referral?wsdl")

    async def ask(self, operation: str, **fields: Any) -> Any:
        return await asyncio.to_thread(getattr(self._client.service, operation), **fields)


@pytest_asyncio.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with running("labour", tmp_path_factory.mktemp("labour")) as standin:
        yield await asyncio.to_thread(Office, standin)


def referral(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "submitKey": f"key-{name}",
        "referralId": name,
        "caseType": "child_labour",
        "urgency": "CRISIS",
        "officeCode": "MOL-50",
        "requestedAt": datetime(2026, 4, 10, 1, 0, tzinfo=UTC),
        "place": {"provinceCode": "50"},
        "subject": [{"pseudonym": "P1", "idType": "NONE", "ageBand": "7-14"}],
        "contact": {"doNotContact": True, "language": "mya"},
        "reason": "ทดสอบ: เด็กทำงานกลางคืน",
    } | changes


async def test_a_referral_goes_through_every_status_in_order(office: Office):
    receipt = await office.ask("SubmitReferral", **referral("ends-well"))
    assert receipt["caseNumber"].startswith("L")
    await office.standin.comes_to("ends-well", "completed")
    listed = await office.ask("ListChanges", since=0, limit=500)
    mine = [each for each in listed["referral"] if each["referralId"] == "ends-well"]
    assert [each["status"] for each in mine] == [
        "RECEIVED",
        "ACCEPTED",
        "IN_PROGRESS",
        "COMPLETED",
    ]
    assert mine[-1]["firstContactAt"] == mine[-2]["firstContactAt"] is not None
    assert mine[-1]["outcomeCode"] == ["ASSISTED"]


async def test_the_same_key_again_gives_the_same_receipt(office: Office):
    first = await office.ask("SubmitReferral", **referral("twice"))
    second = await office.ask("SubmitReferral", **referral("twice"))
    assert (first["caseNumber"], first["receivedAt"]) == (
        second["caseNumber"],
        second["receivedAt"],
    )
    assert (await office.standin.ledger())["references"]["twice"]["deliveries"] == 2


async def test_the_same_key_with_another_content_is_a_fault(office: Office):
    await office.ask("SubmitReferral", **referral("reused"))
    with pytest.raises(Fault, match="used for another") as fault:
        await office.ask("SubmitReferral", **referral("reused", caseType="trafficking"))
    assert fault.value.code == "soap:Client"
    assert (await office.standin.ledger())["references"]["reused"]["deliveries"] == 1


async def test_a_submission_is_found_by_its_key(office: Office):
    await office.ask("SubmitReferral", **referral("asked-for"))
    found = await office.ask("GetReferralStatus", submitKey="key-asked-for")
    assert found["referralId"] == "asked-for"
    with pytest.raises(Fault, match="no such referral"):
        await office.ask("GetReferralStatus", submitKey="key-never-sent")


async def test_the_list_of_changes_is_paged_without_a_gap(office: Office):
    for number in range(3):
        await office.ask("SubmitReferral", **referral(f"page-{number}"))
        await office.standin.comes_to(f"page-{number}", "completed")
    seen: list[int] = []
    since, more = 0, True
    while more:
        page = await office.ask("ListChanges", since=since, limit=4)
        seen += [each["changeNumber"] for each in page["referral"]]
        since, more = page["next"], page["more"]
    assert len(seen) >= 12
    assert seen == list(range(1, len(seen) + 1))


async def test_asked_to_cancel_the_office_confirms(office: Office):
    await office.standin.play(otherwise=[{"do": "accept", "after": 0}])
    await office.ask("SubmitReferral", **referral("called-off"))
    await office.standin.comes_to("called-off", "accepted")
    update = {
        "updateKey": "u1",
        "referralId": "called-off",
        "status": "CANCEL_REQUESTED",
        "statusAt": datetime(2026, 4, 10, 2, 0, tzinfo=UTC),
    }
    await office.ask("UpdateStatus", **update)
    await office.ask("UpdateStatus", **update)
    await office.standin.comes_to("called-off", "cancelled")
    assert (await office.standin.ledger())["news"]["kept"] == 1
    await office.standin.play()


ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:r="urn:songtor:labour:referral:1"><s:Body>{}</s:Body></s:Envelope>'
)
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("not xml", id="not-xml"),
        pytest.param("<html/>", id="not-soap"),
        pytest.param(ENVELOPE.format(""), id="empty-body"),
        pytest.param(ENVELOPE.format("<r:SubmitReferral/>"), id="fields-missing"),
        pytest.param(ENVELOPE.format("<r:DropTables/>"), id="unknown-operation"),
        pytest.param(BOMB + ENVELOPE.format("<r:ListChanges/>"), id="entities"),
    ],
)
async def test_a_bad_envelope_is_a_client_fault_and_changes_nothing(office: Office, body: str):
    before = (await office.standin.ledger())["received"]
    answer = await office.standin.client.post(
        "/soap/referral", content=body, headers={"Content-Type": "text/xml"}
    )
    assert answer.status_code == 500
    assert b"<faultcode>soap:Client</faultcode>" in answer.content
    assert (await office.standin.ledger())["received"] == before


async def test_a_year_of_the_buddhist_era_is_refused(office: Office):
    wrong = referral("buddhist", requestedAt="2569-04-10T08:00:00+07:00")
    with pytest.raises(Fault, match="2569"):
        await office.ask("SubmitReferral", **wrong)
