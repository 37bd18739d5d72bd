"""The case management's HTTP interface, and what a shelter does with a referral."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.standins import ledger, push
from sandbox.standins.admin import body_of
from sandbox.standins.ledger import Referral
from sandbox.standins.msdhs import records, tokens
from sandbox.standins.msdhs.records import Fields, RecordError
from sandbox.standins.script import Deed, Step
from sandbox.standins.server import Parts
from sandbox.standins.settings import StandinSettings

Handler = Callable[[Request, str], Awaitable[Response]]
_MOST_PER_PAGE = 1000


class CaseManagementSettings(StandinSettings):
    """Settings of the case-management stand-in."""

    standin_user: str = "songtor"
    """The hub's user."""

    standin_password: str
    """The hub's password."""

    standin_secret: str
    """Key under which tokens are signed."""

    standin_push_url: str = ""
    """Where a change of a record is told, once and without retry; empty tells nobody."""

    standin_push_token: str = ""
    """Key that the receiver of those messages asks for."""


class CaseManagement:
    """Cases, referrals, tokens and webhooks, as documented for Primero v2."""

    name = "msdhs"

    def __init__(self, parts: Parts, settings: CaseManagementSettings) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._settings = settings
        self._secret = settings.standin_secret.encode()
        key = settings.standin_push_token
        self._headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {key}"} if key else {}
        )

    def routes(self) -> list[Route]:
        """Return the API."""
        case, referral = "/api/v2/cases/{case}", "/api/v2/cases/{case}/referrals/{referral}"
        known = self._known
        return [
            Route("/api/v2/tokens", self._token, methods=["POST"]),
            Route("/api/v2/cases", known(self._create_case), methods=["POST"]),
            Route("/api/v2/cases", known(self._list_cases), methods=["GET"]),
            Route(case, known(self._get_case), methods=["GET"]),
            Route(case, known(self._patch_case), methods=["PATCH"]),
            Route(f"{case}/flags", known(self._flag), methods=["POST"]),
            Route(f"{case}/referrals", known(self._list_referrals), methods=["GET"]),
            Route(f"{case}/referrals", known(self._refer), methods=["POST"]),
            Route(referral, known(self._decide), methods=["PATCH"]),
            Route(referral, known(self._revoke), methods=["DELETE"]),
        ]

    def refuse(self, status: int, text: str) -> Response:
        """Return an `errors` document."""
        return _errors(RecordError(status, text), "/api/v2")

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Set status and service fields; what Primero has no word for leaves no trace."""
        asked = records.get(tx, records.REFERRAL, referral.body)
        at = ledger.stamp(now)
        if step.do is Deed.ACCEPT:
            records.set_status(tx, referral.body, "accepted", now)
            records.set_service(tx, asked, now, service_status_referred=True)
        elif step.do is Deed.DECLINE:
            reason = {"rejected_reason": step.reason or "no_bed", "rejection_note": step.note}
            records.set_status(tx, referral.body, "rejected", now, **reason)
            records.set_service(tx, asked, now, service_status_referred=False)
        elif step.do in (Deed.START, Deed.RESUME):
            records.set_service(tx, asked, now, service_appointment_date=at[:10])
        elif step.do is Deed.REACH:
            records.set_service(tx, asked, now, service_implemented_day_time=at)
        elif step.do in (Deed.COMPLETE, Deed.FAIL):
            done = "implemented" if step.do is Deed.COMPLETE else "not_implemented"
            told = {"service_implemented": done, "note_on_referral_from_provider": step.note}
            records.set_status(tx, referral.body, "done", now)
            records.set_service(tx, asked, now, **told)
        elif step.do is Deed.CONFIRM_CANCEL:
            records.set_status(tx, referral.body, "revoked", now)
            records.set_service(tx, asked, now, service_status_referred=False)
        else:
            return
        self._tell(tx, asked["record_id"])

    def _tell(self, tx: sqlite3.Connection, case_id: str) -> None:
        if self._settings.standin_push_url:
            data = {"record_id": case_id, "record_type": "case", "hostname": "primero.example"}
            push.append(
                tx,
                lane=case_id,
                url=self._settings.standin_push_url,
                headers=self._headers,
                body=json.dumps({"data": data}),
            )

    def _known(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Let in whoever carries a token that has not run out, and render errors."""

        async def answered(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            user = tokens.user_of(self._secret, token, self._clock.now()) if token else None
            try:
                if user is None:
                    raise RecordError(401, "Unauthorized")
                return await handler(request, user)
            except RecordError as error:
                return _errors(error, request.url.path)

        return answered

    async def _token(self, request: Request) -> Response:
        try:
            asked = json.loads(await body_of(request))["user"]
            given = (asked["user_name"], asked["password"])
        except (ValueError, KeyError, TypeError):
            given = ("", "")
        if given != (self._settings.standin_user, self._settings.standin_password):
            return JSONResponse({"error": "Invalid User name or password."}, 401)
        token = tokens.issue(self._secret, given[0], self._clock.now())
        headers = {"Authorization": f"Bearer {token}"}
        return JSONResponse({"user_name": given[0]}, headers=headers)

    async def _create_case(self, request: Request, user: str) -> Response:
        fields = await _data(request)
        now = self._clock.now()
        case = await self._store.write(lambda tx: records.create_case(tx, fields, user, now))
        return Response(status_code=204) if fields.get("id") else JSONResponse({"data": case})

    async def _list_cases(self, request: Request, _user: str) -> Response:
        asked = request.query_params
        page, per = int(asked.get("page", "1")), int(asked.get("per", "20"))
        if page < 1 or not 1 <= per <= _MOST_PER_PAGE:
            raise RecordError(422, f"per is at most {_MOST_PER_PAGE}", "per")
        begin, _, end = asked.get("last_updated_at", "..").partition("..")
        where = "kind = 'case' AND changed_at >= ? AND changed_at <= ?"
        bounds = (begin, end or "9")
        (total,) = self._store.read(f"SELECT COUNT(*) FROM document WHERE {where}", bounds)[0]
        rows = self._store.read(
            f"SELECT body FROM document WHERE {where} ORDER BY changed_at LIMIT ? OFFSET ?",
            (*bounds, per, (page - 1) * per),
        )
        cases: list[Fields] = [json.loads(row["body"]) for row in rows]
        if asked.get("fields"):
            names = asked["fields"].split(",")
            cases = [{k: v for k, v in case.items() if k in names} for case in cases]
        metadata = {"total": total, "per": per, "page": page}
        return JSONResponse({"data": cases, "metadata": metadata})

    async def _get_case(self, request: Request, _user: str) -> Response:
        id_ = request.path_params["case"]
        case = await self._store.write(lambda tx: records.get(tx, records.CASE, id_))
        return JSONResponse({"data": case})

    async def _patch_case(self, request: Request, _user: str) -> Response:
        id_, fields, now = request.path_params["case"], await _data(request), self._clock.now()
        case = await self._store.write(lambda tx: records.patch_case(tx, id_, fields, now))
        return JSONResponse({"data": case})

    async def _flag(self, request: Request, user: str) -> Response:
        id_, fields, now = request.path_params["case"], await _data(request), self._clock.now()
        message = str(fields.get("message", ""))

        def work(tx: sqlite3.Connection) -> None:
            records.get(tx, records.CASE, id_)
            ledger.take_news(tx, f"{id_} {message}", id_, message, now)

        await self._store.write(work)
        data = {"record_id": id_, "record_type": "cases", "message": message, "flagged_by": user}
        return JSONResponse({"data": {**data, "date": fields.get("date"), "removed": False}})

    async def _list_referrals(self, request: Request, _user: str) -> Response:
        id_ = request.path_params["case"]
        return JSONResponse(
            {"data": await self._store.write(lambda tx: records.referrals_of(tx, id_))}
        )

    async def _refer(self, request: Request, user: str) -> Response:
        id_, fields, now = request.path_params["case"], await _data(request), self._clock.now()
        referral = await self._store.write(lambda tx: records.refer(tx, id_, fields, user, now))
        return JSONResponse({"data": referral})

    async def _decide(self, request: Request, _user: str) -> Response:
        ids, fields, now = request.path_params, await _data(request), self._clock.now()
        case, referral = ids["case"], ids["referral"]
        decided = await self._store.write(
            lambda tx: records.decide(tx, case, referral, fields, now)
        )
        return JSONResponse({"data": decided})

    async def _revoke(self, request: Request, _user: str) -> Response:
        case, referral = request.path_params["case"], request.path_params["referral"]
        now = self._clock.now()
        revoked = await self._store.write(lambda tx: records.revoke(tx, case, referral, now))
        return JSONResponse({"data": revoked})


async def _data(request: Request) -> Fields:
    try:
        data: Any = json.loads(await body_of(request))["data"]
    except (ValueError, KeyError, TypeError):
        raise RecordError(422, "the body holds an object named data", "data") from None
    if not isinstance(data, dict):
        raise RecordError(422, "data is an object", "data")
    return data


def _errors(error: RecordError, resource: str) -> Response:
    each = {"status": error.status, "resource": resource, "message": error.message}
    if error.detail:
        each["detail"] = error.detail
    return JSONResponse({"errors": [each]}, error.status)
