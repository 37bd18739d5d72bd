"""gRPC in, command, gRPC out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from mesh.batching import GroupCommit
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import AbortedError, InvalidArgumentError, NotFoundError, SongtorError
from mesh.identity import spiffe_id
from mesh.rpc import AllowList, refusal
from services.routing import wire
from services.routing.commands import acting
from services.routing.commands.acting import Asked, Done
from services.routing.commands.parts import Parts
from services.routing.storage import queries
from songtor.routing.v1 import routing_pb2, routing_pb2_grpc

SERVICE = "songtor.routing.v1.RoutingService"
_GATEWAY = frozenset((spiffe_id("service", "gateway"),))
ALLOWED: AllowList = {
    f"/{SERVICE}/Act": _GATEWAY,
    f"/{SERVICE}/GetReferrals": _GATEWAY,
    f"/{SERVICE}/Explain": _GATEWAY,
    f"/{SERVICE}/ListWork": _GATEWAY,
}
PAGE = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN = struct.Struct(">q16s")

Acts = GroupCommit[routing_pb2.AssignmentAction, routing_pb2.ActionResult]


class Acting:
    """Does batches of actions: what `Acts` flushes into."""

    def __init__(self, database: Database, parts: Parts, clock: Clock) -> None:
        self._database = database
        self._parts = parts
        self._clock = clock

    async def do(
        self, actions: Sequence[routing_pb2.AssignmentAction]
    ) -> list[routing_pb2.ActionResult]:
        """Do a batch in one transaction; answer after the commit."""
        asked = [asked_by(action) for action in actions]
        try:
            done = await self._commit(asked)
        except AbortedError:
            # Two of the batch met somebody else's: each alone then finds its answer.
            done = [answer for item in asked for answer in await self._commit([item])]
        return [_result(answer) for answer in done]

    async def _commit(self, asked: Sequence[Asked]) -> list[Done | SongtorError]:
        async with self._database.transaction() as tx:
            return await acting.act(tx, self._parts, asked, now=self._clock.now())


def asked_by(action: routing_pb2.AssignmentAction) -> Asked:
    """Return the act with its key and the digest by which a repetition is known."""
    digest = hashlib.sha256(action.SerializeToString(deterministic=True)).digest()
    return Asked(wire.act_of(action), action.idempotency_key, digest)


def _result(answer: Done | SongtorError) -> routing_pb2.ActionResult:
    if isinstance(answer, SongtorError):
        return routing_pb2.ActionResult(refusal=refusal(answer))
    return routing_pb2.ActionResult(
        assignment=routing_pb2.Assignment.FromString(answer.answer), replayed=answer.replayed
    )


class RoutingServicer(routing_pb2_grpc.RoutingServiceServicer):
    """Answers the calls of `songtor.routing.v1.RoutingService`."""

    def __init__(self, database: Database, acts: Acts) -> None:
        self._database = database
        self._acts = acts

    async def Act(self, request: routing_pb2.ActRequest, context: Any) -> routing_pb2.ActResponse:
        """Do what is asked, together with what others ask at the same moment."""
        return routing_pb2.ActResponse(results=await self._acts.submit_all(request.actions))

    async def GetReferrals(
        self, request: routing_pb2.GetReferralsRequest, context: Any
    ) -> routing_pb2.GetReferralsResponse:
        """Return a case's referrals with their assignments and milestones."""
        async with self._database.transaction() as tx:
            found = await queries.referrals_of(tx, UUID(request.case_id))
        if found is None:
            raise NotFoundError("there is no such case here", reason="NO_SUCH_CASE")
        return routing_pb2.GetReferralsResponse(
            referrals=[wire.referral_to_proto(referral) for referral in found]
        )

    async def Explain(
        self, request: routing_pb2.ExplainRequest, context: Any
    ) -> routing_pb2.ExplainResponse:
        """Return the decision as it was stored."""
        async with self._database.transaction() as tx:
            record = await queries.decision_of(tx, UUID(request.assignment_id))
        if record is None:
            raise NotFoundError("there is no such assignment", reason="NO_SUCH_ASSIGNMENT")
        return wire.decision_to_proto(record)

    async def ListWork(
        self, request: routing_pb2.ListWorkRequest, context: Any
    ) -> routing_pb2.ListWorkResponse:
        """Return a page of open assignments, oldest first."""
        wanted = {
            "unit_id": request.unit_id,
            "agency": request.agency,
            "province_code": request.province_code,
        }
        filters = {column: value for column, value in wanted.items() if value}
        if not filters:
            raise InvalidArgumentError("name a unit, an agency or a province", reason="NO_FILTER")
        after = place_of(request.page_token)
        size = request.page_size or PAGE
        async with self._database.transaction() as tx:
            found = await queries.open_work(tx, filters, after=after, limit=size + 1)
        page = routing_pb2.ListWorkResponse(
            items=[wire.work_item(assignment, report) for assignment, report in found[:size]]
        )
        if len(found) > size:
            last, _ = found[size - 1]
            page.next_page_token = token_of(last.requested_at, last.assignment_id)
        return page


def token_of(at: datetime, assignment_id: UUID) -> str:
    """Return the page token for what comes after this assignment."""
    micros = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(_TOKEN.pack(micros, assignment_id.bytes)).decode()


def place_of(token: str) -> tuple[datetime, UUID]:
    """Return the place in the order of work that a page token names."""
    if not token:
        return _EPOCH, UUID(int=0)
    try:
        micros, id_bytes = _TOKEN.unpack(base64.urlsafe_b64decode(token.encode("ascii")))
        return _EPOCH + timedelta(microseconds=micros), UUID(bytes=id_bytes)
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise InvalidArgumentError("this page token is none of ours", reason="PAGE_TOKEN") from None
