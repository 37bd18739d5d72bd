"""Intake as a test meets it: its gRPC, and a look behind the counter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from mesh import rpc
from mesh.batching import GroupCommit
from mesh.clock import ManualClock
from mesh.database import Database, Row
from mesh.messaging import Message
from mesh.outbox import Outbox
from mesh.status import from_status
from policies import reader
from services.intake import keys
from services.intake.commands import Rules
from services.intake.consumers import ReferralsHeard
from services.intake.geography import areas
from services.intake.servicer import ALLOWED, Intake, IntakeServicer
from songtor.intake.v1 import intake_pb2, intake_pb2_grpc
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2
from tests.plumbing import open_database

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Desk:
    """One running intake. `stub` and `address` are its gRPC."""

    database: Database
    rules: Rules
    clock: ManualClock
    stub: intake_pb2_grpc.IntakeServiceAsyncStub
    address: str

    async def submit(
        self, *submissions: intake_pb2.Submission
    ) -> list[intake_pb2.SubmissionResult]:
        """Hand in what arrived together."""
        answer = await rpc.call(
            self.stub.SubmitReports,
            intake_pb2.SubmitReportsRequest(submissions=submissions),
            timeout=30,
        )
        return list(answer.results)

    async def receipt(self, submission: intake_pb2.Submission) -> intake_pb2.Receipt:
        """Hand in one report that must be accepted."""
        (result,) = await self.submit(submission)
        assert result.HasField("receipt"), from_status(result.refusal).reason
        return result.receipt

    async def rows(self, statement: str, **parameters: Any) -> Sequence[Row]:
        """Look into the database."""
        async with self.database.transaction() as tx:
            return await tx.execute(statement, parameters)

    async def count(self, table: str) -> int:
        """Count a table's rows."""
        return int((await self.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"])

    async def hear(self, *events: tuple[str, Any]) -> None:
        """Let the consumer handle events as one batch: (subject, message)."""
        messages = [
            Message(uuid4(), subject, event.SerializeToString(), {}, 1, None)  # type: ignore[arg-type]
            for subject, event in events
        ]
        async with self.database.transaction() as tx:
            await ReferralsHeard(self.clock).handle(tx, messages)

    async def status(self, receipt: intake_pb2.Receipt) -> str:
        """Ask as the reporter would."""
        answer = await rpc.call(
            self.stub.TrackCase,
            intake_pb2.TrackCaseRequest(
                reference=receipt.reference, follow_up_code=receipt.follow_up_code
            ),
        )
        return str(answer.status)

    async def identity(
        self, assignment_id: UUID, *, agency: str = "msdhs"
    ) -> intake_pb2.OpenIdentityResponse:
        """Ask who the case is about, as an agency."""
        return await rpc.call(
            self.stub.OpenIdentity,
            intake_pb2.OpenIdentityRequest(
                assignment_id=str(assignment_id),
                agency=agency,
                purpose="service",
                officer="officer-7",
            ),
        )


@asynccontextmanager
async def open_desk(address: str, keyset: Path, **rules: Any) -> AsyncIterator[Desk]:
    """Run intake over `address` (the superuser's); a second one over the same is a restart."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(address, "intake"))
        judged = Rules(reader.load(), areas(), keys.read(keyset), **rules)
        clock = ManualClock(START)
        outbox = Outbox(clock, "songtor/intake")
        intake = Intake(database, outbox, judged, clock)
        submissions = await stack.enter_async_context(GroupCommit(intake.store))
        server = rpc.server(None, ALLOWED)
        servicer = IntakeServicer(
            database, submissions, judged, clock, keep_after_closing=timedelta(days=30)
        )
        intake_pb2_grpc.add_IntakeServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, 1)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        stub = intake_pb2_grpc.IntakeServiceStub(channel)
        yield Desk(database, judged, clock, stub, f"127.0.0.1:{port}")


def assignment(
    receipt: intake_pb2.Receipt,
    assignment_id: UUID,
    state: str,
    version: int,
    *,
    agency: str = "msdhs",
    unit_id: str = "TH-MSDHS-5001-001",
    at: datetime = START,
) -> tuple[str, events_pb2.AssignmentChanged]:
    """Return the event that an assignment of the receipt's case is in `state`."""
    event = events_pb2.AssignmentChanged(
        assignment=routing_pb2.Assignment(
            assignment_id=str(assignment_id),
            case_id=receipt.case_id,
            unit_id=unit_id,
            agency=agency,
            version=version,
            state=routing_pb2.AssignmentState.Value(f"ASSIGNMENT_STATE_{state.upper()}"),
        ),
        scope=type_pb2.CaseScope(case_id=receipt.case_id),
        occurred_at=stamp(at),
    )
    return f"assignment.v1.{state}", event


def referral(
    receipt: intake_pb2.Receipt, referral_id: UUID, state: str, *, at: datetime = START
) -> tuple[str, events_pb2.ReferralChanged]:
    """Return the event that a referral of the receipt's case is in `state`."""
    event = events_pb2.ReferralChanged(
        referral_id=str(referral_id),
        state=state,
        scope=type_pb2.CaseScope(case_id=receipt.case_id),
        occurred_at=stamp(at),
    )
    return f"referral.v1.{state}", event


def stamp(at: datetime) -> Timestamp:
    """Return an instant as it travels."""
    made = Timestamp()
    made.FromDatetime(at)
    return made
