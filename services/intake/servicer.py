"""gRPC in, command, gRPC out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from mesh.batching import GroupCommit
from mesh.clock import Clock
from mesh.database import Database, finish
from mesh.errors import NotFoundError, SongtorError
from mesh.identity import spiffe_id
from mesh.instant import to_proto
from mesh.outbox import Outbox
from mesh.rpc import AllowList, refusal
from services.intake import commands, disclosure, storage, wire
from services.intake.commands import Accepted, Rules
from services.intake.disclosure import Opening
from services.intake.domain import receipts
from songtor.intake.v1 import intake_pb2, intake_pb2_grpc

SERVICE = "songtor.intake.v1.IntakeService"
_GATEWAY = frozenset((spiffe_id("service", "gateway"),))
ALLOWED: AllowList = {
    f"/{SERVICE}/SubmitReports": _GATEWAY,
    f"/{SERVICE}/GetCase": _GATEWAY | {spiffe_id("service", "routing")},
    f"/{SERVICE}/TrackCase": _GATEWAY,
    f"/{SERVICE}/OpenIdentity": _GATEWAY,
}

Submissions = GroupCommit[intake_pb2.Submission, intake_pb2.SubmissionResult]


class Intake:
    """Stores batches of submissions: what `Submissions` flushes into."""

    def __init__(self, database: Database, outbox: Outbox, rules: Rules, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._rules = rules
        self._clock = clock

    async def store(
        self, submissions: Sequence[intake_pb2.Submission]
    ) -> list[intake_pb2.SubmissionResult]:
        """Store a batch in one transaction; answer after the commit."""
        async with self._database.transaction() as tx:
            outcomes = await commands.submit(
                tx, self._outbox, self._rules, submissions, now=self._clock.now()
            )
        return [self._result(outcome) for outcome in outcomes]

    def _result(self, outcome: Accepted | SongtorError) -> intake_pb2.SubmissionResult:
        if isinstance(outcome, SongtorError):
            return intake_pb2.SubmissionResult(refusal=refusal(outcome))
        stored = outcome.stored
        key = self._rules.keyset.keys[stored.key_id]
        code = receipts.follow_up_code(key.follow_up, stored.report_id)
        return wire.receipt_to(stored, code, replayed=outcome.replayed)


class IntakeServicer(intake_pb2_grpc.IntakeServiceServicer):
    """Answers the calls of `songtor.intake.v1.IntakeService`."""

    def __init__(
        self,
        database: Database,
        submissions: Submissions,
        rules: Rules,
        clock: Clock,
        *,
        keep_after_closing: timedelta,
    ) -> None:
        self._database = database
        self._submissions = submissions
        self._rules = rules
        self._clock = clock
        self._keep_after_closing = keep_after_closing

    async def SubmitReports(
        self, request: intake_pb2.SubmitReportsRequest, context: Any
    ) -> intake_pb2.SubmitReportsResponse:
        """Store what came, together with what came from others."""
        results = await self._submissions.submit_all(request.submissions)
        return intake_pb2.SubmitReportsResponse(results=results)

    async def GetCase(
        self, request: intake_pb2.GetCaseRequest, context: Any
    ) -> intake_pb2.GetCaseResponse:
        """Return a case without its identity block."""
        async with self._database.transaction() as tx:
            row = await storage.get_case(tx, UUID(request.case_id))
        if row is None:
            raise NotFoundError("there is no such case", reason="NO_SUCH_CASE")
        return intake_pb2.GetCaseResponse(case=wire.case_to(row))

    async def TrackCase(
        self, request: intake_pb2.TrackCaseRequest, context: Any
    ) -> intake_pb2.TrackCaseResponse:
        """Tell a reporter the coarse status."""
        async with self._database.transaction() as tx:
            row = await disclosure.track(
                tx,
                self._rules.keyset,
                request.reference,
                request.follow_up_code,
                now=self._clock.now(),
                keep_after_closing=self._keep_after_closing,
            )
        return intake_pb2.TrackCaseResponse(
            status=row["status"], status_at=to_proto(row["status_at"])
        )

    async def OpenIdentity(
        self, request: intake_pb2.OpenIdentityRequest, context: Any
    ) -> intake_pb2.OpenIdentityResponse:
        """Open a case's identity for an agency that holds it; the leaf is written either way."""
        wish = Opening(
            UUID(request.assignment_id),
            UUID(request.case_id) if request.case_id else None,
            request.agency,
            request.purpose,
            request.officer,
        )
        opened = await finish(self._open(wish))
        if opened is None:
            raise NotFoundError("there is no such assignment", reason="NO_SUCH_ASSIGNMENT")
        return opened

    async def _open(self, wish: Opening) -> intake_pb2.OpenIdentityResponse | None:
        async with self._database.transaction() as tx:
            return await disclosure.open_identity(
                tx, self._rules.keyset, wish, now=self._clock.now()
            )
