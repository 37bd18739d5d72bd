"""A labour office: takes referrals over SOAP and keeps a numbered list of what changed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.standins import ledger
from sandbox.standins.admin import body_of
from sandbox.standins.labour import soap
from sandbox.standins.labour.soap import CONTRACT, Element, FaultError, Value
from sandbox.standins.ledger import Arrival, Referral
from sandbox.standins.script import Deed, Facts, Step
from sandbox.standins.server import Parts

SCHEMA = """
CREATE TABLE IF NOT EXISTS status_change (
    change INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    status_at TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_contact_at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS status_change_of ON status_change (reference, change);
CREATE INDEX IF NOT EXISTS status_change_key ON status_change (key, change);
"""

STATUS: Mapping[Deed, str] = {
    Deed.ACCEPT: "ACCEPTED",
    Deed.DECLINE: "REJECTED",
    Deed.START: "IN_PROGRESS",
    Deed.REACH: "IN_PROGRESS",
    Deed.HOLD: "ON_HOLD",
    Deed.RESUME: "IN_PROGRESS",
    Deed.COMPLETE: "COMPLETED",
    Deed.FAIL: "FAILED",
    Deed.CONFIRM_CANCEL: "CANCELLED",
    Deed.REFUSE_CANCEL: "CANCEL_REFUSED",
}
_REASONS: Mapping[Deed, str] = {
    Deed.DECLINE: "NO_CAPACITY",
    Deed.HOLD: "WAITING_WORKER",
    Deed.FAIL: "WORKER_NOT_FOUND",
    Deed.CONFIRM_CANCEL: "WORKER_WITHDREW",
    Deed.REFUSE_CANCEL: "ALREADY_ASSISTED",
}
"""Deeds that need a reason, with the ministry's code where the script names none."""

_XML = "text/xml; charset=utf-8"


class Office:
    """A SOAP server for referrals."""

    name = "labour"

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._schema = soap.schema()

    def routes(self) -> list[Route]:
        """Return the SOAP interface and its published contract."""
        return [
            Route("/soap/referral", self._call, methods=["POST"]),
            Route("/soap/referral", self._wsdl, methods=["GET"]),
            Route("/soap/referral.xsd", self._xsd, methods=["GET"]),
        ]

    def refuse(self, status: int, text: str) -> Response:
        """Return a fault; SOAP 1.1 knows no status of HTTP but 500 for it."""
        code = "UNAUTHORIZED" if status == 401 else "INVALID"
        return _fault(FaultError(code, text), status)

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Add a change to the list."""
        is_outcome = step.do is Deed.COMPLETE
        reached = referral.reached_at or (ledger.stamp(now) if step.do is Deed.REACH else "")
        _change(
            tx,
            referral,
            status=STATUS[step.do],
            at=now,
            reason="" if is_outcome else step.reason or _REASONS.get(step.do, ""),
            first_contact_at=reached,
            outcome=(step.reason or "ASSISTED") if is_outcome else "",
            note=step.note,
        )

    async def _call(self, request: Request) -> Response:
        body = await body_of(request)
        try:
            message = soap.open_envelope(body, self._schema)
            operation = soap.operation_of(message)
            _check_action(request.headers.get("soapaction", ""), operation)
            name, fields = await self._answer(operation, message)
        except FaultError as error:
            return _fault(error, 500)
        return Response(soap.envelope(name, fields), media_type=_XML)

    async def _answer(self, operation: str, message: Element) -> tuple[str, Mapping[str, Value]]:
        now = self._clock.now()
        if operation == "SubmitReferral":
            fields = await self._store.write(lambda tx: _submit(tx, message, now))
        elif operation == "UpdateStatus":
            fields = await self._store.write(lambda tx: _update(tx, message, now))
        elif operation == "GetReferralStatus":
            fields = self._status(message)
        elif operation == "ListChanges":
            fields = self._changes(message)
        else:
            raise FaultError("INVALID", f"{operation} is no operation of this service")
        return f"{operation}Response", fields

    def _status(self, message: Element) -> Mapping[str, Value]:
        rows = self._store.read(
            "SELECT * FROM status_change WHERE reference = ? OR key = ?"
            " ORDER BY change DESC LIMIT 1",
            (soap.text_of(message, "referralId"), soap.text_of(message, "submitKey")),
        )
        if not rows:
            raise FaultError("NOT_FOUND", "no such referral")
        return {"referral": _change_fields(rows[0])}

    def _changes(self, message: Element) -> Mapping[str, Value]:
        limit = int(soap.text_of(message, "limit") or "100")
        since = soap.text_of(message, "since")
        rows = self._store.read(
            "SELECT * FROM status_change WHERE change > ? ORDER BY change LIMIT ?",
            (int(since), limit + 1),
        )
        page = rows[:limit]
        return {
            "referral": [_change_fields(row) for row in page],
            "next": str(page[-1]["change"]) if page else since,
            "more": "true" if len(rows) > limit else "false",
        }

    async def _wsdl(self, request: Request) -> Response:
        address = str(request.url.replace(query=""))
        return Response(await asyncio.to_thread(soap.wsdl, address), media_type=_XML)

    async def _xsd(self, _request: Request) -> Response:
        content = await asyncio.to_thread((CONTRACT / "referral.xsd").read_bytes)
        return Response(content, media_type=_XML)


def _check_action(header: str, operation: str) -> None:
    if header.strip('"') not in ("", f"{soap.NAMESPACE}#{operation}"):
        raise FaultError("INVALID", "SOAPAction names another operation than the Body")


def _submit(tx: sqlite3.Connection, message: Element, now: datetime) -> Mapping[str, Value]:
    body = soap.canonical(message)
    reference = soap.text_of(message, "referralId")
    arrival = Arrival(
        key=soap.text_of(message, "submitKey"),
        reference=reference,
        facts=Facts(
            references=(reference, soap.text_of(message, "caseReference")),
            unit=soap.text_of(message, "officeCode"),
            problem=soap.text_of(message, "caseType"),
            urgency=soap.text_of(message, "urgency"),
            text=soap.text_of(message, "reason"),
        ),
        body=body,
    )
    referral, is_new = ledger.receive(tx, arrival, now)
    if referral.digest != ledger.digest_of(body):
        raise FaultError("KEY_REUSED", "this submitKey was used for another referral")
    if is_new:
        _change(tx, referral, status="RECEIVED", at=now)
    return {
        "submitKey": referral.key,
        "referralId": referral.reference,
        "caseNumber": _case_number(referral.number),
        "receivedAt": referral.received_at,
    }


def _update(tx: sqlite3.Connection, message: Element, now: datetime) -> Mapping[str, Value]:
    key = soap.text_of(message, "updateKey")
    reference = soap.text_of(message, "referralId")
    status = soap.text_of(message, "status")
    referral = ledger.find(tx, reference=reference)
    is_new = ledger.take_news(tx, key, reference, status, now)
    if referral is not None and is_new and status == "CANCEL_REQUESTED":
        ledger.ask_to_cancel(tx, referral, now)
    return {"updateKey": key, "referralId": reference}


def _change(
    tx: sqlite3.Connection,
    referral: Referral,
    *,
    status: str,
    at: datetime,
    reason: str = "",
    first_contact_at: str = "",
    outcome: str = "",
    note: str = "",
) -> None:
    tx.execute(
        "INSERT INTO status_change (key, reference, number, status, status_at, reason,"
        " first_contact_at, outcome, note) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            referral.key,
            referral.reference,
            referral.number,
            status,
            ledger.stamp(at),
            reason,
            first_contact_at,
            outcome,
            note,
        ),
    )


def _change_fields(row: sqlite3.Row) -> Mapping[str, Value]:
    return {
        "changeNumber": str(row["change"]),
        "referralId": row["reference"],
        "submitKey": row["key"],
        "caseNumber": _case_number(row["number"]),
        "status": row["status"],
        "statusAt": row["status_at"],
        "reasonCode": row["reason"],
        "firstContactAt": row["first_contact_at"],
        "outcomeCode": row["outcome"],
        "note": row["note"],
    }


def _case_number(number: int) -> str:
    return f"L{number:08d}"


def _fault(error: FaultError, status: int) -> Response:
    return Response(soap.fault(error), status, media_type=_XML)
