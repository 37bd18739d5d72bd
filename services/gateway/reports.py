"""POST /v1/reports, the hot path: one report in, one receipt out, as little as possible between.

It stands beside the framework, whose routing and dependency machinery cost as much as all the rest
of a report's way through this process. Its description is in the OpenAPI document all the same.
"""

from __future__ import annotations

import hashlib
import json

from starlette.types import Receive
from uuid_utils import uuid7

from mesh import telemetry
from mesh.errors import UnauthenticatedError
from mesh.status import from_status
from services.gateway import models, wire
from services.gateway.domain import access
from services.gateway.domain.access import PUBLIC, Principal
from services.gateway.keys import KeyRing
from services.gateway.peers import Submissions
from services.gateway.reading import Headers, body_of, need_json, parsed
from services.gateway.rendering import Answer
from services.gateway.units import Units
from songtor.intake.v1 import intake_pb2

PATH = "/v1/reports"


async def authenticated(headers: Headers, keys: KeyRing) -> Principal | None:
    """Return who asks, None when nobody says so, or raise for a key that is not known."""
    given = headers.get(b"authorization")
    if given is None:
        return None
    scheme, _, key = given.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise UnauthenticatedError("this is no bearer key", reason="UNKNOWN_KEY")
    return await keys.principal(key.strip())


class ReportDoor:
    """Takes reports from everybody who may bring one."""

    def __init__(
        self,
        keys: KeyRing,
        units: Units,
        submissions: Submissions,
        *,
        body_limit: int,
        public: bool,
    ) -> None:
        self._keys = keys
        self._units = units
        self._submissions = submissions
        self._body_limit = body_limit
        self._public = public

    async def take(self, headers: Headers, receive: Receive) -> Answer:
        """Read a report, have it stored, and return its receipt."""
        asker = await authenticated(headers, self._keys)
        if asker is None:
            if not self._public:
                raise UnauthenticatedError("an API key is needed", reason="NO_KEY")
            asker = PUBLIC
        key = access.idempotency_key(_text(headers, b"idempotency-key"))
        need_json(headers)
        report = parsed(models.Report, await body_of(headers, receive, self._body_limit))
        channel = access.door(asker, report.channel)
        self._units.check(report)
        submission = _submission(asker, key, channel, report)
        return _answer(await self._submissions.submit(submission))


def _submission(
    asker: Principal, key: str, channel: str, report: models.Report
) -> intake_pb2.Submission:
    message = wire.report_to(report, channel)
    request_digest = digest(message)
    if not message.report_id:
        message.report_id = str(uuid7())
    return intake_pb2.Submission(
        source=access.source(asker, channel),
        idempotency_key=access.scoped_key(asker, key),
        request_digest=request_digest,
        report=message,
        traceparent=telemetry.traceparent(),
    )


def digest(message: intake_pb2.Report) -> bytes:
    """Return SHA-256 over what the sender said, however its JSON was written.

    Over the message before anything of ours is added: the order of fields, blanks, escapes and
    values left at their default make no difference.
    """
    return hashlib.sha256(message.SerializeToString(deterministic=True)).digest()


def _answer(result: intake_pb2.SubmissionResult) -> Answer:
    if result.HasField("refusal"):
        raise from_status(result.refusal)
    receipt = wire.receipt_from(result.receipt)
    headers = {"Cache-Control": "no-store", "Location": f"/v1/track/{receipt['reference']}"}
    if result.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = json.dumps(receipt, separators=(",", ":")).encode()
    return Answer(200 if result.replayed else 201, body, headers=headers)


def _text(headers: Headers, name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
