"""A stand-in's process as the conformance suite wants an agency: empty for each test."""

from __future__ import annotations

import html
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from adapters.sdk import Action, AgencyClient, Page, Update
from adapters.sdk.adapter import Adapter
from tests.standins import Standin, eventually, running

TIMEOUT = 2.0
STEPS = ("accept", "reach", "complete")


class StandInAgency:
    """What the promises need, over the admin interface and the stand-in's own file."""

    lossy_request: tuple[str, str] = ("POST", "")

    def __init__(self, standin: Standin, folder: Path) -> None:
        self.standin = standin
        self._folder = folder
        self._done: dict[str, int] = {}

    async def begin(self) -> None:
        """Hold nothing, act on nothing of its own accord."""
        if not self.standin.is_running:
            await self.standin.start()
        (await self.standin.client.post("/admin/reset")).raise_for_status()
        await self.standin.play(otherwise=[])
        self._done.clear()

    async def effects(self) -> int:
        ledger = await self.standin.ledger()
        effects: int = ledger["effects"]
        return effects

    async def received(self) -> str:
        requests = (await self.standin.client.get("/admin/requests")).json()
        return html.unescape("\n".join(requests))

    async def loses_the_reply(self) -> None:
        method, path = self.lossy_request
        await self.standin.misbehave("lose_reply", method=method, path=path)

    async def is_away(self) -> None:
        await self.standin.kill()

    async def acts(self, record_id: str) -> None:
        reference = await self.reference_of(record_id)
        step = self._done.get(reference, 0)
        await self.standin.act(reference, STEPS[step])
        self._done[reference] = step + 1

    async def reference_of(self, record_id: str) -> str:
        """Return the sender's reference of the file that a receipt names."""
        for reference in (await self.standin.ledger())["references"]:
            kept = (await self.standin.client.get(f"/admin/referrals/{reference}")).json()
            number = f"L{kept['number']:08d}"
            if reference in record_id or record_id in (number, kept["key"]):
                return str(reference)
            if record_id.rpartition("/")[2] == kept["body"]:
                return str(reference)
        raise LookupError(record_id)

    def document(self, kind: str, id_: str) -> dict[str, Any]:
        """Return a document as the agency keeps it."""
        with closing(
            sqlite3.connect(self._folder / f"{self.standin.ready['name']}.sqlite3")
        ) as file:
            row = file.execute(
                "SELECT body FROM document WHERE kind = ? AND id = ?", (kind, id_)
            ).fetchone()
        document: dict[str, Any] = json.loads(row[0])
        return document

    async def referral(self, reference: str) -> dict[str, Any]:
        """Return all that the agency keeps of one referral."""
        kept = await self.standin.client.get(f"/admin/referrals/{reference}")
        row: dict[str, Any] = kept.raise_for_status().json()
        return row


@asynccontextmanager
async def client_to(address: str) -> AsyncIterator[AgencyClient]:
    """Return the SDK's client, with the short patience of a test."""
    async with AgencyClient(address, timeout=TIMEOUT) as client:
        yield client


@asynccontextmanager
async def stand_in(name: str, folder: Path, **settings: str) -> AsyncIterator[Standin]:
    """Run a stand-in that writes down all it gets."""
    async with running(name, folder, record="true", **settings) as standin:
        yield standin


class News:
    """All that an adapter has read so far, each piece once, as the SDK would store it."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self._cursor = ""
        self.updates: list[Update] = []
        self.strange: list[str] = []

    async def read(self) -> None:
        """Read until the agency has no more."""
        page = Page((), self._cursor, more=True)
        while page.more:
            page = await self._adapter.fetch(self._cursor)
            self._cursor = page.cursor
            known = {update.source_id for update in self.updates}
            self.updates += [each for each in page.updates if each.source_id not in known]
            self.strange += [each.reason for each in page.strange]

    async def until(self, action: Action) -> list[Update]:
        """Read until the agency has done `action`; return all updates."""

        async def told() -> bool:
            await self.read()
            return action in self.actions

        await eventually(told)
        return self.updates

    @property
    def actions(self) -> list[Action]:
        """What was done, in order."""
        return [update.action for update in self.updates]


class Inbox:
    """Where a listener hands in what it was told."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.strange: list[str] = []

    async def accept(self, updates: Any, strange: Any = ()) -> None:
        known = {update.source_id for update in self.updates}
        self.updates += [each for each in updates if each.source_id not in known]
        self.strange += [each.reason for each in strange]

    @property
    def actions(self) -> list[Action]:
        """What was done, in order."""
        return [update.action for update in self.updates]
