"""The adapters' conformance suite, held to an agency in memory: it passes what keeps the promises,
and each promise that is broken on purpose turns it red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.sdk import Delivery, Page, Receipt, SafeContact, TransientError, UnknownError
from adapters.sdk.conformance import AdapterConformance
from tests.fakes.agency import FakeAdapter, FakeAgency, PromisedAgency


class TestAnAgencyThatCanBeAsked(AdapterConformance):
    @pytest.fixture
    def agency(self) -> PromisedAgency:
        return PromisedAgency(FakeAgency(knows_keys=True, page_size=1))

    @pytest.fixture
    def adapter(self, agency: PromisedAgency) -> FakeAdapter:
        return FakeAdapter(agency.agency)


class TestAnAgencyThatCannotBeAsked(AdapterConformance):
    can_be_asked = False

    @pytest.fixture
    def agency(self) -> PromisedAgency:
        agency = FakeAgency(knows_keys=True)
        agency.cannot_be_asked()
        return PromisedAgency(agency)

    @pytest.fixture
    def adapter(self, agency: PromisedAgency) -> FakeAdapter:
        return FakeAdapter(agency.agency)


class TestAnAgencyThatOnlyPushes(AdapterConformance):
    is_read = False

    @pytest.fixture
    def agency(self) -> PromisedAgency:
        return PromisedAgency(FakeAgency(knows_keys=True))

    @pytest.fixture
    def adapter(self, agency: PromisedAgency) -> Pushed:
        return Pushed(agency.agency)


class Pushed(FakeAdapter):
    async def fetch(self, cursor: str) -> Page:
        return Page((), cursor)


class Guessing(FakeAdapter):
    """Takes silence for a success."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        try:
            return await super().deliver(delivery)
        except UnknownError:
            return Receipt("perhaps")


class Blind(FakeAdapter):
    """Finds what nobody sent."""

    async def find(self, delivery: Delivery) -> Receipt | None:
        return Receipt("surely")


class Coarse(FakeAdapter):
    """Uses one key for everything."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        one = "00000000-0000-4000-8000-000000000000"
        return await super().deliver(replace(delivery, delivery_id=one))


class Careless(FakeAdapter):
    """Calls an agency that is away an unknown outcome."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        try:
            return await super().deliver(delivery)
        except TransientError as error:
            raise UnknownError("AWAY") from error


class Ascii(FakeAdapter):
    """Loses every letter it cannot write."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        plain = delivery.need_summary.encode("ascii", "replace").decode()
        return await super().deliver(replace(delivery, need_summary=plain))


class Folding(FakeAdapter):
    """Has no field for the unit's name, says so, and puts it into the text all the same."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        text = f"{delivery.need_summary} ({delivery.unit_name})"
        receipt = await super().deliver(replace(delivery, need_summary=text))
        return replace(receipt, losses=("unit_name",))


class Indiscreet(FakeAdapter):
    """Forgets that nobody may call."""

    async def deliver(self, delivery: Delivery) -> Receipt:
        safe = SafeContact(contact_prohibited=False, channels=(), hours="", language="")
        return await super().deliver(replace(delivery, safe_contact=safe))


class Skipping(FakeAdapter):
    """Moves its cursor one record too far."""

    async def fetch(self, cursor: str) -> Page:
        page = await super().fetch(cursor)
        return replace(page, cursor=str(int(page.cursor) + 1))


class Renaming(FakeAdapter):
    """Gives the same news another id each time it is read."""

    reads = 0

    async def fetch(self, cursor: str) -> Page:
        self.reads += 1
        page = await super().fetch(cursor)
        fresh = [
            replace(update, source_id=f"{self.reads}-{update.source_id}") for update in page.updates
        ]
        return replace(page, updates=fresh)


class FirstOpen(FakeAdapter):
    """Puts a decision on the first file rather than the one decided."""

    async def fetch(self, cursor: str) -> Page:
        page = await super().fetch(cursor)
        first = page.updates[0].agency_record_id if page.updates else ""
        return replace(page, updates=[replace(u, agency_record_id=first) for u in page.updates])


P = AdapterConformance


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Guessing, P.test_a_lost_reply_leaves_the_outcome_unknown),
        (Blind, P.test_what_was_never_sent_is_surely_absent),
        (Coarse, P.test_two_deliveries_are_two_files),
        (Careless, P.test_an_agency_that_is_away_did_nothing),
        (Ascii, P.test_thai_text_arrives_whole_or_is_a_recorded_loss),
        (Folding, P.test_what_is_recorded_as_lost_was_not_sent_in_another_place),
        (Indiscreet, P.test_that_nobody_may_contact_the_person_reaches_the_agency),
        (Skipping, P.test_reading_goes_on_after_any_record),
        (Renaming, P.test_the_same_news_has_the_same_id_when_it_is_read_again),
        (FirstOpen, P.test_every_update_says_which_file_it_is_about),
    ],
)
async def test_a_broken_promise_is_seen(
    broken: type[FakeAdapter], promise: Callable[..., Any]
) -> None:
    agency = PromisedAgency(FakeAgency(knows_keys=True))
    with pytest.raises((AssertionError, pytest.fail.Exception, UnknownError)):
        await promise(AdapterConformance(), agency, broken(agency.agency))


async def test_an_agency_without_keys_is_seen() -> None:
    agency = PromisedAgency(FakeAgency(knows_keys=False))
    with pytest.raises(AssertionError):
        await P().test_the_same_delivery_twice_is_one_file(agency, FakeAdapter(agency.agency))
