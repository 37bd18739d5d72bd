"""The adapter to labour offices against their stand-in, over SOAP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lxml import etree

from adapters.labour.adapter import MAP, Labour
from adapters.labour.soap import Soap
from adapters.labour.translation import submission, update
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
from tests.listening import listening

CONTRACT = Path("adapters/labour/contract/referral.xsd")


class Office(StandInAgency):
    async def forbids_contact(self, record_id: str) -> bool:
        row = await self.referral(await self.reference_of(record_id))
        return '["doNotContact", "true"]' in row["body"]


@pytest_asyncio.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder = tmp_path_factory.mktemp("labour")
    async with stand_in("labour", folder, token="open-sesame") as standin:
        yield Office(standin, folder)


@pytest_asyncio.fixture
async def agency(office: Office) -> Office:
    await office.begin()
    return office


@pytest_asyncio.fixture
async def adapter(agency: Office) -> AsyncIterator[Labour]:
    async with client_to(f"{agency.standin.url}/soap") as client:
        yield Labour(AdapterSettings(agency_secret="open-sesame"), client)


class TestLabour(AdapterConformance):
    def delivery(self, **changes: Any) -> Delivery:
        return sample_delivery(unit_external_ids={"mol": "ZT0000001"}, **changes)


async def test_a_referral_is_told_from_acceptance_to_completion(agency: Office, adapter: Labour):
    delivery = sample_delivery(problem_type="child_labour")
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


@pytest.mark.parametrize(
    ("table", "deeds", "action"),
    [
        ("decline", ("decline",), Action.DECLINE),
        ("hold", ("accept", "hold"), Action.HOLD),
        ("fail", ("accept", "fail"), Action.FAIL),
    ],
)
async def test_every_reason_comes_back_as_our_code(
    agency: Office, adapter: Labour, table: str, deeds: tuple[str, ...], action: Action
):
    codes = MAP.table(table)
    expected = {}
    for ours in sorted(codes.out):
        delivery = sample_delivery()
        await adapter.deliver(delivery)
        for deed in deeds[:-1]:
            await agency.standin.act(delivery.assignment_id, deed)
        await agency.standin.act(delivery.assignment_id, deeds[-1], reason=codes.theirs(ours))
        expected[delivery.assignment_id] = ours
    updates = await News(adapter).until(action)
    told = {each.assignment_id: each.reason_code for each in updates if each.action is action}
    assert told == expected


@pytest.mark.parametrize(
    ("answer", "action"),
    [("confirm", Action.CONFIRM_CANCEL), ("refuse", Action.REFUSE_CANCEL)],
)
async def test_called_off_the_office_confirms_or_goes_on(
    agency: Office, adapter: Labour, answer: str, action: Action
):
    await agency.standin.play(otherwise=[], on_cancel=answer)
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    await agency.standin.act(delivery.assignment_id, "accept")
    off = replace(delivery, kind=DeliveryKind.CANCEL, delivery_id=sample_delivery().delivery_id)
    await adapter.deliver(off)
    await adapter.deliver(off)
    updates = await News(adapter).until(action)
    assert [each.action for each in updates].count(action) == 1


async def test_news_of_their_own_report_is_told_once(agency: Office, adapter: Labour):
    news = sample_delivery(kind=DeliveryKind.STATUS, status="reached")
    await adapter.deliver(news)
    await adapter.deliver(news)
    ledger = await agency.standin.ledger()
    assert (ledger["effects"], ledger["news"]) == (0, {"received": 2, "kept": 1})


async def test_the_same_key_for_another_content_is_parked_for_a_person(
    agency: Office, adapter: Labour
):
    delivery = sample_delivery()
    await adapter.deliver(delivery)
    with pytest.raises(PermanentError, match="KEY_REUSED"):
        await adapter.deliver(replace(delivery, urgency="crisis"))


ENVELOPE = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:r="urn:songtor:labour:referral:1"><s:Body>{}</s:Body></s:Envelope>'
)
CHANGE = (
    "<r:referral><r:changeNumber>{0}</r:changeNumber><r:referralId>a{0}</r:referralId>"
    "<r:submitKey>k{0}</r:submitKey><r:caseNumber>L{0}</r:caseNumber><r:status>{1}</r:status>"
    "<r:statusAt>{2}</r:statusAt></r:referral>"
)


async def test_a_change_that_cannot_be_understood_is_set_aside():
    changes = "".join(
        [
            CHANGE.format(1, "ASLEEP", "2026-04-10T08:00:00Z"),
            CHANGE.format(2, "ACCEPTED", "2569-04-10T08:00:00Z"),
            CHANGE.format(3, "ACCEPTED", "2026-04-10T08:00:00"),
            CHANGE.format(4, "ACCEPTED", "2026-04-10T08:00:00Z"),
        ]
    )
    page = f"<r:ListChangesResponse>{changes}<r:next>4</r:next><r:more>false</r:more>"
    body = ENVELOPE.format(page + "</r:ListChangesResponse>").encode()
    async with listening(body=body) as server, client_to(server.url) as client:
        told = await Labour(AdapterSettings(), client).fetch("")
    assert [each.reason for each in told.strange] == [
        "STATUS_UNKNOWN",
        "BUDDHIST_YEAR",
        "INSTANT_UNCLEAR",
    ]
    assert [each.agency_record_id for each in told.updates] == ["L4"]
    assert told.cursor == "4"


FAULT = "<s:Fault><faultcode>s:{}</faultcode><faultstring>x</faultstring></s:Fault>"
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(200, "<html/>", UnknownError, id="html"),
        pytest.param(200, "not xml", UnknownError, id="not-xml"),
        pytest.param(200, ENVELOPE.format("<r:Other/>"), UnknownError, id="other-answer"),
        pytest.param(200, BOMB + ENVELOPE.format("&b;"), UnknownError, id="entities"),
        pytest.param(500, ENVELOPE.format(FAULT.format("Client")), PermanentError, id="our-fault"),
        pytest.param(500, ENVELOPE.format(FAULT.format("Server")), UnknownError, id="their-fault"),
        pytest.param(500, "", UnknownError, id="no-fault"),
        pytest.param(503, "", TransientError, id="busy"),
        pytest.param(401, "", TransientError, id="no-right"),
    ],
)
async def test_a_hostile_answer_is_classed_and_never_believed(
    status: int, body: str, error: type[Exception]
):
    async with (
        listening(lambda _call: status, body.encode()) as server,
        client_to(server.url) as client,
    ):
        with pytest.raises(error):
            await Labour(AdapterSettings(), client).deliver(sample_delivery())


async def test_a_receipt_for_another_submission_is_not_believed():
    receipt = (
        "<r:SubmitReferralResponse><r:submitKey>other</r:submitKey><r:referralId>a</r:referralId>"
        "<r:caseNumber>L1</r:caseNumber><r:receivedAt>2026-04-10T08:00:00Z</r:receivedAt>"
        "</r:SubmitReferralResponse>"
    )
    body = ENVELOPE.format(receipt).encode()
    async with listening(body=body) as server, client_to(server.url) as client:
        with pytest.raises(UnknownError, match="RECEIPT_FOR_ANOTHER"):
            await Labour(AdapterSettings(), client).deliver(sample_delivery())


def varied_deliveries() -> list[Delivery]:
    full = sample_delivery(
        people=(
            Person("P1", "7-14", "female", "LAO", ("child", "migrant")),
            Person("P2", "", "", "", ()),
        ),
        safe_contact=SafeContact(
            contact_prohibited=True, channels=("line", "phone"), hours="", language="lao"
        ),
    )
    bare = sample_delivery(
        people=(), need_summary="", province_code="", district_code="", subdistrict_code=""
    )
    return [sample_delivery(), bare, full]


@pytest.mark.parametrize("delivery", varied_deliveries(), ids=["plain", "bare", "full"])
def test_what_is_submitted_is_valid_by_the_contract(delivery: Delivery):
    _assert_valid(*Soap().request("SubmitReferral", submission(delivery, MAP)))


@pytest.mark.parametrize("status", sorted(MAP.table("news").out))
def test_what_is_told_is_valid_by_the_contract(status: str):
    news = sample_delivery(kind=DeliveryKind.STATUS, status=status)
    _assert_valid(*Soap().request("UpdateStatus", update(news, MAP)))


def _assert_valid(envelope: bytes, headers: dict[str, str]) -> None:
    message = etree.fromstring(envelope)[-1][0]
    etree.XMLSchema(etree.parse(str(CONTRACT))).assertValid(message)
    assert headers["SOAPAction"].strip('"').endswith(f"#{etree.QName(message).localname}")


def test_the_losses_of_an_emergency_are_named():
    delivery = sample_delivery(ess_cause="detention", silent=True)
    assert json.dumps(MAP.losses(delivery)) == json.dumps(
        ["ess_cause", "silent", "unit_name", "latitude", "longitude", "reported_at"]
    )
