"""The promises that every adapter keeps, as tests that the adapter's own test inherits.

    class TestPolice(AdapterConformance):
        @pytest.fixture
        async def agency(self): ...     # an `Agency` of this module over the stand-in

        @pytest.fixture
        async def adapter(self, agency): ...

Each test gets an agency that holds nothing yet. Imported by tests alone: it needs pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

import pytest

from adapters.sdk import wire
from adapters.sdk.adapter import Adapter
from adapters.sdk.errors import NotSupportedError, TransientError, UnknownError
from adapters.sdk.model import Delivery, Person, SafeContact, Update
from adapters.sdk.samples import IDENTITY, THAI, request_bytes, sample_delivery

_MANY_PAGES = 50


class Agency(Protocol):
    """What the promises need of an agency's system, or of its stand-in."""

    async def effects(self) -> int:
        """Return how many files it ever opened."""
        ...

    async def received(self) -> str:
        """Return all that ever reached it, as readable text: addresses, headers, bodies."""
        ...

    async def loses_the_reply(self) -> None:
        """Do what the next delivery asks, and never answer it."""
        ...

    async def is_away(self) -> None:
        """Take nothing from now on."""
        ...

    async def forbids_contact(self, record_id: str) -> bool:
        """Say whether who opens this file is told not to contact the person."""
        ...

    async def acts(self, record_id: str) -> None:
        """Do one more thing with the file that our side must hear of; done when it returns."""
        ...


class AdapterConformance:
    """Inherit, give the fixtures `agency` and `adapter`, and say what the agency cannot do."""

    can_be_asked: ClassVar[bool] = True
    """Whether `find` works; without it the SDK hands an unknown outcome to a person."""
    is_read: ClassVar[bool] = True
    """Whether `fetch` tells what the agency did; False where it pushes and cannot be read."""

    def delivery(self, **changes: Any) -> Delivery:
        """Return a delivery that this agency takes; override to name a unit in its own codes."""
        return sample_delivery(**changes)

    async def test_the_same_delivery_twice_is_one_file(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """The second receipt names the same record."""
        delivery = self.delivery()
        first = await adapter.deliver(delivery)
        second = await adapter.deliver(delivery)
        assert first.agency_record_id
        assert second.agency_record_id == first.agency_record_id
        assert await agency.effects() == 1

    async def test_two_deliveries_are_two_files(self, agency: Agency, adapter: Adapter) -> None:
        """A key that is too coarse would swallow somebody's call for help."""
        receipts = [await adapter.deliver(self.delivery()) for _ in range(2)]
        assert len({receipt.agency_record_id for receipt in receipts}) == 2
        assert await agency.effects() == 2

    async def test_a_lost_reply_leaves_the_outcome_unknown(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """It is never called done, nor surely not done."""
        await agency.loses_the_reply()
        with pytest.raises(UnknownError):
            await adapter.deliver(self.delivery())
        assert await agency.effects() == 1

    async def test_after_a_lost_reply_the_receipt_is_found(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """And what is found is what a repeated delivery would have returned."""
        delivery = self.delivery()
        await agency.loses_the_reply()
        with pytest.raises(UnknownError):
            await adapter.deliver(delivery)
        if not self.can_be_asked:
            with pytest.raises(NotSupportedError):
                await adapter.find(delivery)
            return
        found = await adapter.find(delivery)
        assert found is not None
        again = await adapter.deliver(delivery)
        assert again.agency_record_id == found.agency_record_id
        assert await agency.effects() == 1

    async def test_what_was_never_sent_is_surely_absent(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """Also when the agency holds files of others."""
        if not self.can_be_asked:
            with pytest.raises(NotSupportedError):
                await adapter.find(self.delivery())
            return
        await adapter.deliver(self.delivery())
        assert await agency.effects() == 1
        assert await adapter.find(self.delivery()) is None

    async def test_an_agency_that_is_away_did_nothing(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """So the SDK may send again without asking."""
        await agency.is_away()
        with pytest.raises(TransientError) as raised:
            await adapter.deliver(self.delivery())
        assert raised.value.reason

    async def test_thai_text_arrives_whole_or_is_a_recorded_loss(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """Never cut, never with question marks in it."""
        receipt = await adapter.deliver(self.delivery(need_summary=THAI))
        carried = THAI in await agency.received()
        assert carried == ("need_summary" not in receipt.losses)

    async def test_that_nobody_may_contact_the_person_reaches_the_agency(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """And is not said of somebody who may be contacted."""
        for prohibited in (True, False):
            safe = SafeContact(contact_prohibited=prohibited, channels=(), hours="", language="tha")
            receipt = await adapter.deliver(self.delivery(safe_contact=safe))
            assert await agency.forbids_contact(receipt.agency_record_id) is prohibited

    async def test_identity_never_reaches_the_agency(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """Not even what came along with a delivery by somebody's mistake."""
        for word in IDENTITY:
            asked = request_bytes(self.delivery(), smuggled=word)
            assert word.encode() in asked
            await adapter.deliver(wire.delivery_from_bytes(asked))
        received = await agency.received()
        assert [word for word in IDENTITY if word in received] == []

    async def test_what_is_recorded_as_lost_was_not_sent_in_another_place(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """A value without a field of its own must not slip into free text."""
        canaries = {
            "need_summary": "คานารีความต้องการ",
            "unit_name": "คานารีชื่อหน่วย",
            "part": "canary-part",
            "people.pseudonym": "CANARY-P",
            "safe_contact.hours": "03:17-03:19",
        }
        delivery = self.delivery(
            need_summary=canaries["need_summary"],
            unit_name=canaries["unit_name"],
            part=canaries["part"],
            people=(Person(canaries["people.pseudonym"], "15-17", "female", "THA", ()),),
            safe_contact=SafeContact(
                contact_prohibited=False,
                channels=("phone",),
                hours=canaries["safe_contact.hours"],
                language="tha",
            ),
        )
        receipt = await adapter.deliver(delivery)
        received = await agency.received()
        assert [name for name in receipt.losses if canaries.get(name, "\0") in received] == []

    async def test_reading_goes_on_after_any_record(self, agency: Agency, adapter: Adapter) -> None:
        """Whichever cursor a crash left behind, nothing that came after it is missed."""
        if not self.is_read:
            page = await adapter.fetch("")
            assert (list(page.updates), page.cursor, page.more) == ([], "", False)
            return
        cursors, seen_before = [""], [0]
        seen: list[str] = []
        for _ in range(3):
            receipt = await adapter.deliver(self.delivery())
            await agency.acts(receipt.agency_record_id)
            for cursor, updates in await _read_on(adapter, cursors[-1]):
                seen += [update.source_id for update in updates if update.source_id not in seen]
                cursors.append(cursor)
                seen_before.append(len(seen))
        assert len(seen) >= 3
        for cursor, before in zip(cursors, seen_before, strict=True):
            rest = [
                update.source_id
                for _, updates in await _read_on(adapter, cursor)
                for update in updates
            ]
            assert set(seen[before:]) <= set(rest)

    async def test_every_update_says_which_file_it_is_about(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """By our assignment or by the record we got as a receipt; never by a guess."""
        if not self.is_read:
            return
        about: dict[str, str] = {}
        for _ in range(2):
            delivery = self.delivery()
            receipt = await adapter.deliver(delivery)
            await agency.acts(receipt.agency_record_id)
            about[receipt.agency_record_id] = delivery.assignment_id
        updates = [update for _, page in await _read_on(adapter, "") for update in page]
        assert {_about(update, about) for update in updates} == set(about.values())

    async def test_the_same_news_has_the_same_id_when_it_is_read_again(
        self, agency: Agency, adapter: Adapter
    ) -> None:
        """So that telling it twice is telling it once."""
        if not self.is_read:
            return
        receipt = await adapter.deliver(self.delivery())
        await agency.acts(receipt.agency_record_id)
        first = [update for _, page in await _read_on(adapter, "") for update in page]
        second = [update for _, page in await _read_on(adapter, "") for update in page]
        assert first == second
        assert len({update.source_id for update in first}) == len(first)


async def _read_on(adapter: Adapter, cursor: str) -> list[tuple[str, Sequence[Update]]]:
    """Return each page's cursor and updates, from `cursor` until the agency has no more."""
    pages: list[tuple[str, Sequence[Update]]] = []
    for _ in range(_MANY_PAGES):
        page = await adapter.fetch(cursor)
        cursor = page.cursor
        pages.append((cursor, page.updates))
        if not page.more:
            return pages
    raise AssertionError("the agency always has more")


def _about(update: Update, about: dict[str, str]) -> str | None:
    return update.assignment_id or about.get(update.agency_record_id)
