"""The hospital: its FHIR interface, and what its officers do to a Task."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.standins import documents, ledger
from sandbox.standins.admin import body_of
from sandbox.standins.documents import Document
from sandbox.standins.ledger import Referral
from sandbox.standins.public_health import fhir, repository
from sandbox.standins.public_health.capability import capability_statement
from sandbox.standins.public_health.fhir import FhirError, Resource
from sandbox.standins.public_health.search import search
from sandbox.standins.script import Deed, Step
from sandbox.standins.server import Parts

_MEDIA_TYPE = "application/fhir+json"
_TAKEN = ("application/fhir+json", "application/json")
FILLER_SYSTEM = "https://moph.example/fhir/sid/referral-number"
REASON_SYSTEM = "https://moph.example/fhir/CodeSystem/referral-reason"
ACTIVITY_SYSTEM = "https://moph.example/fhir/CodeSystem/referral-activity"

_STATUS = {
    Deed.ACCEPT: ("accepted", "3.0"),
    Deed.DECLINE: ("rejected", "4.0"),
    Deed.START: ("in-progress", "5.1.1"),
    Deed.REACH: ("in-progress", "5.1.4"),
    Deed.HOLD: ("on-hold", ""),
    Deed.RESUME: ("in-progress", "5.1.1"),
    Deed.COMPLETE: ("completed", "7.0"),
    Deed.FAIL: ("failed", "6.0"),
    Deed.CONFIRM_CANCEL: ("cancelled", "6.0"),
    Deed.REFUSE_CANCEL: ("", "3.0"),
}
"""Task status and BSeR business status that each deed sets; nothing leaves it as it is."""

_REASONS = {
    Deed.DECLINE: "no-capacity",
    Deed.HOLD: "waiting-patient",
    Deed.FAIL: "patient-not-found",
    Deed.CONFIRM_CANCEL: "patient-withdrew",
    Deed.REFUSE_CANCEL: "already-in-care",
}
"""Deeds that need a reason, with the hospital's code where the script names none."""

Handler = Callable[[Request], Awaitable[Response]]


class Hospital:
    """A FHIR server that receives referrals as Tasks and works on them."""

    name = "public_health"

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._clock = parts.clock

    def routes(self) -> list[Route]:
        """Return the FHIR interface."""
        return [
            Route("/fhir/metadata", self._metadata),
            Route("/fhir", _answered(self._transact), methods=["POST"]),
            Route("/fhir/", _answered(self._transact), methods=["POST"]),
            Route("/fhir/{kind}", _answered(self._create), methods=["POST"]),
            Route("/fhir/{kind}", _answered(self._search), methods=["GET"]),
            Route("/fhir/{kind}/{id}", _answered(self._read), methods=["GET"]),
            Route("/fhir/{kind}/{id}", _answered(self._update), methods=["PUT"]),
        ]

    def refuse(self, status: int, text: str) -> Response:
        """Return an OperationOutcome."""
        code = {401: "login", 413: "too-long"}.get(status, "processing")
        return _json(fhir.outcome(code, text), status)

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Set the Task as SDOHCC says the target does."""
        document = documents.get(tx, "Task", referral.body)
        if document is None:
            return
        task = {k: v for k, v in document.body.items() if k != "statusReason"}
        status, business = _STATUS[step.do]
        if status:
            task["status"] = status
        if business:
            task["businessStatus"] = _concept(fhir.BUSINESS_STATUS, business)
        if step.do in _REASONS:
            reason = step.reason or _REASONS[step.do]
            task["statusReason"] = _concept(REASON_SYSTEM, reason, step.note or reason)
        if step.do is Deed.REACH and "executionPeriod" not in task:
            task["executionPeriod"] = {"start": ledger.stamp(now)}
        if not fhir.numbered(task, "FILL"):
            task["identifier"] = [*task.get("identifier", []), _filler(referral)]
        if step.do is Deed.COMPLETE:
            task["output"] = [_output(tx, task, step, now)]
        repository.save(tx, task, now)

    async def _metadata(self, _request: Request) -> Response:
        return _json(capability_statement())

    async def _transact(self, request: Request) -> Response:
        bundle = fhir.parse(await _body(request))
        now = self._clock.now()
        return _json(await self._store.write(lambda tx: repository.transact(tx, bundle, now)))

    async def _create(self, request: Request) -> Response:
        resource = fhir.parse(await _body(request))
        if resource.get("resourceType") != request.path_params["kind"]:
            raise FhirError(400, "invalid", "resourceType is not that of the address")
        condition = request.headers.get("if-none-exist", "")
        now = self._clock.now()
        stored, is_new = await self._store.write(
            lambda tx: repository.create(tx, resource, condition, now)
        )
        return _resource(stored, 201 if is_new else 200)

    async def _update(self, request: Request) -> Response:
        resource = fhir.parse(await _body(request))
        if resource.get("resourceType") != request.path_params["kind"]:
            raise FhirError(400, "invalid", "resourceType is not that of the address")
        id_, if_match = request.path_params["id"], request.headers.get("if-match", "")
        now = self._clock.now()
        stored = await self._store.write(
            lambda tx: repository.update(tx, resource, id_, if_match, now)
        )
        return _resource(stored, 200)

    async def _read(self, request: Request) -> Response:
        kind, id_ = _kind(request), request.path_params["id"]
        rows = self._store.read("SELECT * FROM document WHERE kind = ? AND id = ?", (kind, id_))
        if not rows:
            raise FhirError(404, "not-found", f"no {kind} with this id")
        return _resource(documents.document_of(rows[0]), 200)

    async def _search(self, request: Request) -> Response:
        address = str(request.url.replace(query=""))
        query = request.query_params.multi_items()
        return _json(search(self._store, _kind(request), query, address))


def _answered(handler: Handler) -> Handler:
    """Answer a FhirError with its OperationOutcome."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except FhirError as error:
            return _json(error.outcome, error.status)

    return answered


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip() not in _TAKEN:
        raise FhirError(415, "not-supported", f"send {_MEDIA_TYPE}")
    return await body_of(request)


def _kind(request: Request) -> str:
    kind: str = request.path_params["kind"]
    if kind not in fhir.TYPES:
        raise FhirError(404, "not-supported", "this resource type is not kept here")
    return kind


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(content, status, headers, media_type=_MEDIA_TYPE)


def _resource(stored: Document, status: int) -> Response:
    headers = {"ETag": f'W/"{stored.version}"'}
    if status == 201:
        headers["Location"] = f"{stored.kind}/{stored.id}/_history/{stored.version}"
    return _json(stored.body, status, headers)


def _concept(system: str, code: str, text: str = "") -> Resource:
    concept: Resource = {"coding": [{"system": system, "code": code}]}
    return {**concept, "text": text} if text else concept


def _filler(referral: Referral) -> Resource:
    return {
        "type": _concept(fhir.IDENTIFIER_TYPES, "FILL"),
        "system": FILLER_SYSTEM,
        "value": f"H{referral.number:08d}",
    }


def _output(tx: sqlite3.Connection, task: Resource, step: Step, now: datetime) -> Resource:
    """Write down what was done as a Procedure, and return the Task's output that names it."""
    procedure = {
        "resourceType": "Procedure",
        "id": uuid4().hex,
        "status": "completed",
        "subject": task["for"],
        "code": _concept(ACTIVITY_SYSTEM, step.reason or "service-provided"),
        "performedDateTime": now.isoformat(timespec="seconds"),
    }
    stored = repository.save(tx, procedure, now)
    return {
        "type": _concept(fhir.SDOH_CODES, "resulting-activity"),
        "valueReference": {"reference": f"Procedure/{stored.id}"},
    }
