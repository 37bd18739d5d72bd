"""The police: takes incidents, and pushes what became of them until the other side has it."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.standins import documents, push
from sandbox.standins.admin import body_of
from sandbox.standins.ledger import (
    Arrival,
    Referral,
    ask_to_cancel,
    digest_of,
    find,
    receive,
    take_news,
)
from sandbox.standins.police import eido as eidos
from sandbox.standins.police.eido import Eido, EidoError
from sandbox.standins.script import Deed, Facts, Step
from sandbox.standins.server import Parts
from sandbox.standins.settings import StandinSettings

_SEEN = "eido"
_TOLD = "report"
_PAGE = 200
_CATEGORIES = {Deed.DECLINE: "NO-RESOURCES", Deed.FAIL: "GONE-ON-ARRIVAL"}


class PoliceSettings(StandinSettings):
    """Settings of the police stand-in."""

    standin_push_url: str = ""
    """Where status EIDOs are posted; empty pushes nothing and leaves `GET /EIDO?since=`."""

    standin_push_token: str = ""
    """Bearer token that the subscriber asks for."""


class Station:
    """A dispatch system: incidents in, status out."""

    name = "police"

    def __init__(self, parts: Parts, settings: PoliceSettings) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._url = settings.standin_push_url
        token = settings.standin_push_token
        self._headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )

    def routes(self) -> list[Route]:
        """Return the EIDO interface."""
        return [
            Route("/EIDO", self._post, methods=["POST"]),
            Route("/EIDO", self._changes, methods=["GET"]),
            Route("/EIDO/{incident}", self._get, methods=["GET"]),
        ]

    def refuse(self, status: int, text: str) -> Response:
        """Return a problem document."""
        return _problem(status, text)

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Tell the subscriber, where EIDO has a word for it."""
        if step.do in eidos.STATUS:
            status, disposition = eidos.STATUS[step.do]
            if step.do is Deed.COMPLETE and step.reason:
                disposition = step.reason
            category = _CATEGORIES.get(step.do, "") and (step.reason or _CATEGORIES[step.do])
            self._tell(tx, referral, status, (disposition, category, step.note), now)

    def _tell(
        self,
        tx: sqlite3.Connection,
        referral: Referral,
        status: str,
        closing: tuple[str, str, str],
        now: datetime,
    ) -> None:
        disposition, category, note = closing
        at = documents.next_change(tx, now)
        told = eidos.report(
            json.loads(referral.body),
            number=referral.number,
            status=status,
            disposition=disposition,
            category=category,
            note=note,
            at=at,
        )
        documents.put(tx, _TOLD, referral.reference, told, changed_at=at)
        if self._url:
            body = json.dumps(told, ensure_ascii=False)
            push.append(
                tx, lane=referral.reference, url=self._url, headers=self._headers, body=body
            )

    async def _post(self, request: Request) -> Response:
        try:
            eido = eidos.parse(await body_of(request))
        except EidoError as error:
            return _problem(400, str(error))
        status = await self._store.write(lambda tx: self._take(tx, eido, self._clock.now()))
        if status == 409:
            return _problem(409, "a newer version of this incident is here already")
        incident = eidos.incident_id(eido)
        return JSONResponse({"incidentId": incident}, status, {"Location": f"/EIDO/{incident}"})

    def _take(self, tx: sqlite3.Connection, eido: Eido, now: datetime) -> int:
        """Store an incident or its newer version; return the HTTP status that says which."""
        incident = eidos.incident_id(eido)
        body = json.dumps(eido, ensure_ascii=False, sort_keys=True)
        if eidos.is_news(eido):
            status = eido["incidentComponent"].get("incidentStatusCommonRegistryText", [""])[0]
            key = f"{incident} {eido['lastUpdateTimeStamp']}"
            return 201 if take_news(tx, key, incident, status, now) else 200
        seen = documents.get(tx, _SEEN, incident)
        same = seen is not None and digest_of(seen.body["text"]) == digest_of(body)
        if seen is not None and not same:
            known = json.loads(seen.body["text"])
            if eidos.updated_at(eido) <= eidos.updated_at(known):
                return 409
        if not same:
            at = documents.next_change(tx, now)
            documents.put(tx, _SEEN, incident, {"text": body}, changed_at=at)
        if seen is None or same:
            referral, is_new = receive(tx, _arrival(eido, incident, body), now)
            if is_new:
                self._tell(tx, referral, "Active", ("", "", ""), now)
            return 201 if is_new else 200
        _update(tx, eido, incident, now)
        return 200

    async def _get(self, request: Request) -> Response:
        incident = eidos.bare_id(request.path_params["incident"])
        rows = self._store.read(
            "SELECT body FROM document WHERE kind = ? AND id = ?", (_TOLD, incident)
        )
        if not rows:
            return _problem(404, "no such incident")
        return JSONResponse(json.loads(rows[0]["body"]))

    async def _changes(self, request: Request) -> Response:
        since = request.query_params.get("since", "")
        rows = self._store.read(
            "SELECT changed_at, body FROM document WHERE kind = ? AND changed_at > ?"
            " ORDER BY changed_at LIMIT ?",
            (_TOLD, since, _PAGE),
        )
        last = rows[-1]["changed_at"] if rows else since
        changes: list[Any] = [json.loads(row["body"]) for row in rows]
        return JSONResponse({"eidos": changes, "next": last, "more": len(rows) == _PAGE})


def _update(tx: sqlite3.Connection, eido: Eido, incident: str, now: datetime) -> None:
    referral = find(tx, key=incident)
    if eidos.is_cancelled(eido) and referral is not None:
        ask_to_cancel(tx, referral, now)


def _arrival(eido: Eido, incident: str, body: str) -> Arrival:
    told = eido["incidentComponent"]
    return Arrival(
        key=incident,
        reference=incident,
        facts=Facts(
            references=(incident, *_links(eido)),
            unit=eidos.dispatched_unit(eido),
            problem=told.get("incidentTypeInternalCode", ""),
            urgency=str(told.get("incidentCommonPriorityNumber", "")),
            text=eidos.notes(eido),
        ),
        body=body,
    )


def _links(eido: Eido) -> list[str]:
    return [
        eidos.bare_id(each["incidentTrackingIdentifier"]) for each in eido.get("linkComponent", [])
    ]


def _problem(status: int, detail: str) -> Response:
    content = {"type": "about:blank", "status": status, "detail": detail}
    return JSONResponse(content, status, media_type="application/problem+json")
