"""A foundation: believes only signed webhooks, and answers through the hub's gateway."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from standardwebhooks import Webhook
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.standins import ledger, push
from sandbox.standins.admin import body_of
from sandbox.standins.ledger import Arrival, Referral
from sandbox.standins.script import Deed, Facts, State, Step
from sandbox.standins.server import Parts
from sandbox.standins.settings import StandinSettings

TOLERANCE = timedelta(minutes=5)
_STILL_RUNNING = frozenset({408, 425, 429})
_DEEDS: Mapping[Deed, str] = {
    Deed.ACCEPT: "accept",
    Deed.DECLINE: "decline",
    Deed.START: "start",
    Deed.HOLD: "hold",
    Deed.RESUME: "start",
    Deed.COMPLETE: "complete",
    Deed.FAIL: "fail",
    Deed.CONFIRM_CANCEL: "confirm_cancel",
    Deed.REFUSE_CANCEL: "refuse_cancel",
}

_REASONS: Mapping[Deed, str] = {
    Deed.DECLINE: "no_capacity",
    Deed.HOLD: "waiting_person",
    Deed.FAIL: "not_found",
    Deed.REFUSE_CANCEL: "already_served",
}
"""Deeds that need a reason, with the gateway's code where the script names none."""


class FoundationSettings(StandinSettings):
    """Settings of the foundation's stand-in."""

    standin_webhook_secret: str
    """`whsec_` secret that the hub signs its webhooks with."""

    standin_gateway_url: str
    """Address of the hub's gateway, without a path."""

    standin_api_key: str
    """The foundation's key at the gateway."""


def judge(status: int) -> push.Verdict:
    """Whether the gateway's answer ends the tries; a refusal does, an overload does not."""
    again = status == push.NO_ANSWER or status in _STILL_RUNNING or status >= 500
    return push.Verdict.AGAIN if again else push.Verdict.FINAL


class ForgedError(Exception):
    """The webhook is not from the hub, or not from now."""


class Foundation:
    """Receives thin events and reports back."""

    name = "ngo"

    def __init__(self, parts: Parts, settings: FoundationSettings) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._signer = Webhook(settings.standin_webhook_secret)
        self._gateway = settings.standin_gateway_url.rstrip("/")
        self._key = settings.standin_api_key

    def routes(self) -> list[Route]:
        """Return the webhook receiver, and how a sender asks whether a webhook came."""
        return [
            Route("/webhooks", self._receive, methods=["POST"]),
            Route("/webhooks/{id}", self._came, methods=["GET"]),
        ]

    def refuse(self, status: int, text: str) -> Response:
        """Return a plain error."""
        return JSONResponse({"error": text}, status)

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Tell the gateway, with a key that is the same for the same deed."""
        for action in _actions(referral, step):
            done = {"action": action, "occurred_at": ledger.stamp(now), "actor": "foundation"}
            if step.do in _REASONS:
                done["reason_code"] = step.reason or _REASONS[step.do]
            body: dict[str, Any] = dict(done)
            if step.do is Deed.COMPLETE:
                body["outcomes"] = [step.reason or "helped"]
            if action == "record_reached":
                body["reached_by"] = "in_person"
            self._tell(tx, referral, body)

    def _tell(self, tx: sqlite3.Connection, referral: Referral, body: Mapping[str, Any]) -> None:
        name = f"{referral.key} {body['action']} {body['occurred_at']}"
        push.append(
            tx,
            lane=referral.reference,
            url=f"{self._gateway}/v1/referrals/{referral.reference}/status",
            headers={
                "Authorization": f"Bearer {self._key}",
                "Content-Type": "application/json",
                "Idempotency-Key": f'"{uuid5(NAMESPACE_URL, name)}"',
            },
            body=json.dumps(body),
        )

    async def _receive(self, request: Request) -> Response:
        body = await body_of(request)
        now = self._clock.now()
        try:
            event = self._verified(request.headers, body, now)
        except ForgedError as error:
            return self.refuse(401, str(error))
        key = request.headers["webhook-id"]
        status = await self._store.write(lambda tx: self._take(tx, key, event, now))
        return Response(status_code=status)

    async def _came(self, request: Request) -> Response:
        rows = self._store.read(
            "SELECT received_at FROM referral WHERE key = ? UNION ALL"
            " SELECT received_at FROM news WHERE key = ?",
            (request.path_params["id"],) * 2,
        )
        if not rows:
            return self.refuse(404, "no such webhook")
        return JSONResponse({"received_at": rows[0]["received_at"]})

    def _take(
        self, tx: sqlite3.Connection, key: str, event: Mapping[str, Any], now: datetime
    ) -> int:
        data = event["data"]
        reference = str(data["assignment_id"]) if "assignment_id" in data else ""
        if event["type"] == "referral.offered":
            ledger.receive(tx, _arrival(key, reference, data, event), now)
        elif event["type"] == "referral.cancel_requested":
            referral = ledger.find(tx, reference=reference)
            if referral is not None and ledger.take_news(tx, key, reference, "cancel", now):
                ledger.ask_to_cancel(tx, referral, now)
        else:
            ledger.take_news(tx, key, str(data.get("report_id", "")), str(event["type"]), now)
        return 204

    def _verified(
        self, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> Mapping[str, Any]:
        """Return the event, once signature and time are right by the shared clock."""
        try:
            sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            given = headers["webhook-signature"].split(" ")
            right = self._signer.sign(headers["webhook-id"], sent_at, body.decode())
            event: Any = json.loads(body)
        except (KeyError, ValueError, OverflowError):
            raise ForgedError("headers or body are not those of a webhook") from None
        if not any(_same(right, each) for each in given):
            raise ForgedError("no signature fits")
        if abs(now - sent_at) > TOLERANCE:
            raise ForgedError("the timestamp is not from now")
        if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
            raise ForgedError("the body is no event")
        return event


def _same(right: str, given: str) -> bool:
    version, _, signature = given.partition(",")
    try:
        decoded = base64.b64decode(signature, validate=True)
    except binascii.Error:
        return False
    return version == "v1" and hmac.compare_digest(base64.b64decode(right[3:]), decoded)


def _actions(referral: Referral, step: Step) -> Iterator[str]:
    """Yield the gateway's words for a step: reaching a person also starts the work."""
    if step.do is not Deed.REACH:
        yield _DEEDS[step.do]
        return
    if referral.state is not State.IN_PROGRESS:
        yield "start"
    yield "record_reached"


def _arrival(
    key: str, reference: str, data: Mapping[str, Any], event: Mapping[str, Any]
) -> Arrival:
    return Arrival(
        key=key,
        reference=reference,
        facts=Facts(
            references=(reference, str(data.get("case_reference", ""))),
            unit=str(data.get("unit_id", "")),
            problem=str(data.get("problem_type", "")),
            urgency=str(data.get("urgency", "")),
        ),
        body=json.dumps(event, ensure_ascii=False),
    )
