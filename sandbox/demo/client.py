"""How the demo's clients talk to the hub: by its REST door, patient, never twice by mistake."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx2

from sandbox.demo.people import Person
from sandbox.demo.scenario import DemoReport
from sandbox.hub.keys import SCOPES
from sandbox.hub.running import Running

PATIENCE = 90.0
"""Seconds for which an answer is waited for, over however many tries."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
NOT_FOUND, COME_AGAIN = 404, 429
PAGE = 500

Json = dict[str, Any]


class DemoError(RuntimeError):
    """The demo cannot go on."""


class RefusedError(DemoError):
    """The hub said no, and the same again would get the same answer."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {status} {text}")
        self.status = status


class NoAnswerError(DemoError):
    """Nobody answered for as long as anybody would wait."""


class HubClient:
    """Every client of the demo in one: the doors, an operator, and who looks at the stand-ins."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._keys = {client: running.key(client) for client in SCOPES}
        self._http = httpx2.AsyncClient(timeout=httpx2.Timeout(5.0, connect=2.0))

    async def __aenter__(self) -> HubClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def submit(self, report: DemoReport) -> Json:
        """Send a report until there is a receipt. A lost answer is asked for again by its key."""
        receipt: Json = await self._ask(
            "POST",
            f"{self._running.gateway}/v1/reports",
            key="ngo" if report.channel == "agency" else "doors",
            headers={"Idempotency-Key": report.key},
            json=body_of(report),
        )
        return receipt

    async def referrals(self, case_id: str) -> list[Json]:
        """Return a case's referrals with their assignments and milestones; none before routing."""
        url = f"{self._running.gateway}/v1/cases/{case_id}/referrals"
        try:
            answer = await self._ask("GET", url, key="operator")
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return []
            raise
        found: list[Json] = answer["referrals"]
        return found

    async def act(self, assignment_id: str, action: str, **details: Any) -> None:
        """Do what an officer of a desk does, who works in the hub and has no other system."""
        await self._ask(
            "POST",
            f"{self._running.gateway}/v1/referrals/{assignment_id}/status",
            key="msdhs",
            headers={"Idempotency-Key": f"demo-{assignment_id}-{action}"},
            json={"action": action, "actor": "officer-of-the-desk", **details},
        )

    async def alerts(self, case_id: str = "") -> list[Json]:
        """Return every alert there is, or one case's."""
        url, token, found = f"{self._running.gateway}/v1/alerts", "", []
        asked: Json = {"page_size": PAGE} | ({"case_id": case_id} if case_id else {})
        while True:
            page = await self._ask(
                "GET", url, key="operator", params={**asked, "page_token": token}
            )
            found += page["alerts"]
            token = page["next_page_token"]
            if not token:
                return found

    async def play(self, agency: str, script: Json) -> None:
        """Tell a stand-in what to do with what comes from now on."""
        url = f"{self._running.standins[agency]}/admin/script"
        await self._ask("PUT", url, json=script)

    async def ledger(self, agency: str) -> Json:
        """Return what a stand-in received and what came of it, by its own books."""
        url = f"{self._running.standins[agency]}/admin/ledger"
        found: Json = await self._ask("GET", url)
        return found

    async def mails(self) -> list[Json]:
        """Return every message that the mail server holds."""
        found: list[Json] = await self._ask("GET", f"{self._running.mailbox}/messages")
        return found

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Ask until there is an answer. What failed on the way is not known to have been done."""
        authorization = {"Authorization": f"Bearer {self._keys[key]}"} if key else {}
        deadline, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        while True:
            try:
                answer = await self._http.request(
                    method, url, headers={**authorization, **(headers or {})}, **options
                )
            except httpx2.TransportError as error:
                last = type(error).__name__
            else:
                if answer.status_code < 400:
                    return answer.json() if answer.content else None
                if answer.status_code < 500 and answer.status_code != COME_AGAIN:
                    raise RefusedError(f"{method} {url}", answer.status_code, answer.text)
                last = str(answer.status_code)
            if time.monotonic() > deadline:
                raise NoAnswerError(f"{method} {url}: {last}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def body_of(report: DemoReport) -> Json:
    """Return the report in the words of the REST API; the same bytes for every try."""
    place: Json = {"text": report.place_text}
    if report.province:
        place |= {
            "province_code": report.province,
            "district_code": report.district,
            "subdistrict_code": report.subdistrict,
        }
    if report.point is not None:
        place["point"] = {"latitude": report.point[0], "longitude": report.point[1]}
    body: Json = {
        "report_id": report.report_id,
        "channel": report.channel,
        "problem_types": [report.problem],
        "ess_cause": report.ess_cause,
        "silent": report.silent,
        "anonymous": report.anonymous,
        "place": place,
        "people": [_person(report.person)],
        "narrative": report.narrative,
        "need_summary": report.need,
        "language": report.language,
    }
    if report.judged:
        body["urgency"] = report.judged
    if report.reporter is not None:
        body["reporter"] = _person(report.reporter)
    return body


def _person(person: Person) -> Json:
    return {
        "name": person.name,
        "id_number": person.id_number,
        "phone": person.phone,
        "age": person.age,
        "sex": person.sex,
        "nationality": person.nationality,
        "groups": list(person.groups),
    }
