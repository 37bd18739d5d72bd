"""An agency's system in memory, and the adapter that speaks to it: the SDK's peer in tests.

It speaks the domain: `agency.loses_the_reply()`, `agency.is_away()`, `agency.accepts(record)`.
Without `knows_keys` it opens a file for whatever comes, so that whatever is sent twice shows.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.sdk import (
    Action,
    Delivery,
    Inbound,
    NotSupportedError,
    Page,
    PermanentError,
    Receipt,
    TransientError,
    UnknownError,
    Update,
)

_BEGINNING = datetime(2026, 4, 13, 12, tzinfo=UTC)


class FakeAgency:
    """Files that were opened, what the agency did with them, and how it will misbehave."""

    def __init__(self, *, knows_keys: bool = False, page_size: int = 100) -> None:
        self.files: list[Delivery] = []
        self.news: list[Update] = []
        self.asked_for: list[str] = []
        self.tried: list[str] = []
        self.losses: tuple[str, ...] = ()
        self._knows_keys = knows_keys
        self._page_size = page_size
        self._away = False
        self._busy = 0.0
        self._askable = True
        self._refusals: dict[str, str] = {}
        self._lost_replies = 0
        self._lost_requests = 0
        self._blows_up: set[str] = set()
        self._held: dict[str, asyncio.Event] = {}
        self._record_names: dict[str, str] = {}

    # What it does wrong.

    def loses_the_reply(self, times: int = 1) -> None:
        """Do what is asked, and never answer."""
        self._lost_replies = times

    def loses_the_request(self, times: int = 1) -> None:
        """Never see what was sent; the sender cannot tell that from a lost reply."""
        self._lost_requests = times

    def is_away(self) -> None:
        """Take nothing and answer nothing."""
        self._away = True

    def is_busy(self, *, retry_after: float) -> None:
        """Turn the next one away, and say when to come again."""
        self._busy = retry_after

    def is_back(self) -> None:
        """Answer again."""
        self._away = False

    def refuses(self, reason: str, *, case: str = "") -> None:
        """Refuse for good: what is of this case, or everything."""
        self._refusals[case] = reason

    def cannot_be_asked(self) -> None:
        """Have no way to look a delivery up by its key."""
        self._askable = False

    def confuses_the_adapter(self, delivery: Delivery) -> None:
        """Answer this one with what its adapter never thought of."""
        self._blows_up.add(delivery.delivery_id)

    def keeps_waiting(self, case_id: str) -> None:
        """Take what comes for this case, and do not answer before `answers`."""
        self._held[case_id] = asyncio.Event()

    def answers(self, case_id: str) -> None:
        """Answer those who were kept waiting."""
        self._held.pop(case_id).set()

    def names_its_record(self, delivery: Delivery, record: str) -> None:
        """Give the file of this delivery a name of the agency's choice."""
        self._record_names[delivery.delivery_id] = record

    # What it does with its files.

    def does(self, record_id: str, action: Action, **more: object) -> Update:
        """Write down that it acted on a file; the next one to look sees it."""
        number = len(self.news) + 1
        told = Update(
            source_id=f"deed-{number}",
            action=action,
            occurred_at=_BEGINNING + timedelta(minutes=number),
            agency_record_id=record_id,
        )
        told = replace(told, **more)  # type: ignore[arg-type]  # the caller's own words
        self.news.append(told)
        return told

    def accepts(self, record_id: str) -> Update:
        """Accept a referral."""
        return self.does(record_id, Action.ACCEPT)

    def completes(self, record_id: str) -> Update:
        """Say that the help was given."""
        return self.does(record_id, Action.COMPLETE)

    # What tests ask.

    @property
    def opened(self) -> list[str]:
        """The deliveries that had an effect, in the order of their effects."""
        return [delivery.delivery_id for delivery in self.files]

    def order_of(self, case_id: str) -> list[int]:
        """The numbers of one case, in the order of their effects."""
        return [delivery.case_seq for delivery in self.files if delivery.case_id == case_id]

    def record_of(self, delivery: Delivery) -> str:
        """The name of the file that a delivery has, or would have."""
        return self._record_names.get(delivery.delivery_id, f"file-{delivery.delivery_id[:8]}")

    # What its adapter can reach.

    async def receive(self, delivery: Delivery) -> Receipt:
        """Take a delivery in."""
        self.tried.append(delivery.delivery_id)
        if delivery.delivery_id in self._blows_up:
            raise KeyError("canary: an answer nobody thought of")
        if self._away:
            raise TransientError("AGENCY_AWAY")
        if self._busy:
            pause, self._busy = self._busy, 0.0
            raise TransientError("BUSY", retry_after=pause)
        if self._lost_requests:
            self._lost_requests -= 1
            raise UnknownError("NO_REPLY")
        for case in ("", delivery.case_id):
            if case in self._refusals:
                raise PermanentError(self._refusals[case])
        known = self._knows_keys and delivery.delivery_id in self.opened
        if not known:
            self.files.append(delivery)
        held = self._held.get(delivery.case_id)
        if held is not None:
            await held.wait()
        if self._lost_replies:
            self._lost_replies -= 1
            raise UnknownError("NO_REPLY")
        return self._receipt(delivery)

    async def look_up(self, delivery: Delivery) -> Receipt | None:
        """Say whether a delivery is there."""
        if not self._askable:
            raise NotSupportedError
        self.asked_for.append(delivery.delivery_id)
        if self._away:
            raise TransientError("AGENCY_AWAY")
        return self._receipt(delivery) if delivery.delivery_id in self.opened else None

    def changes_after(self, number: int) -> tuple[Sequence[Update], bool]:
        """Return a page of what it did after its first `number` deeds; say if there is more."""
        if self._away:
            raise TransientError("AGENCY_AWAY")
        page = self.news[number : number + self._page_size]
        return page, number + len(page) < len(self.news)

    def _receipt(self, delivery: Delivery) -> Receipt:
        return Receipt(self.record_of(delivery), losses=self.losses)


class FakeAdapter:
    """Speaks to the agency in memory, as `adapters.sdk.Adapter`."""

    def __init__(self, agency: FakeAgency) -> None:
        self._agency = agency

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Carry one delivery in."""
        return await self._agency.receive(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Ask for the receipt of an earlier attempt."""
        return await self._agency.look_up(delivery)

    async def fetch(self, cursor: str) -> Page:
        """Read on after as many deeds as the cursor says."""
        start = int(cursor or 0)
        updates, more = self._agency.changes_after(start)
        return Page(updates, str(start + len(updates)), more)

    def listener(self, inbound: Inbound) -> None:
        """Nobody pushes here."""


class PromisedAgency:
    """A fake agency as `adapters.sdk.conformance` asks for it."""

    def __init__(self, agency: FakeAgency) -> None:
        self.agency = agency
        self._acts: defaultdict[str, Iterable[Action]] = defaultdict(
            lambda: iter((Action.ACCEPT, Action.START, Action.COMPLETE))
        )

    async def effects(self) -> int:
        """Return how many files it opened."""
        return len(self.agency.files)

    async def received(self) -> str:
        """Return all that reached it."""
        return "\n".join(repr(delivery) for delivery in self.agency.files)

    async def loses_the_reply(self) -> None:
        """Do the next thing and never answer."""
        self.agency.loses_the_reply()

    async def is_away(self) -> None:
        """Take nothing from now on."""
        self.agency.is_away()

    async def forbids_contact(self, record_id: str) -> bool:
        """Say whether the file says so."""
        return next(
            delivery.safe_contact.contact_prohibited
            for delivery in self.agency.files
            if self.agency.record_of(delivery) == record_id
        )

    async def acts(self, record_id: str) -> None:
        """Do one more thing with the file."""
        self.agency.does(record_id, next(iter(self._acts[record_id])))
