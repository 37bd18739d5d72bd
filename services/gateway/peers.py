"""The services behind the gateway. What arrives together is asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mesh import rpc
from mesh.batching import GroupCommit
from mesh.errors import InvalidArgumentError, SongtorError
from songtor.intake.v1 import intake_pb2
from songtor.routing.v1 import routing_pb2

if TYPE_CHECKING:
    from songtor.alerting.v1.alerting_pb2_grpc import AlertingServiceAsyncStub
    from songtor.intake.v1.intake_pb2_grpc import IntakeServiceAsyncStub
    from songtor.routing.v1.routing_pb2_grpc import RoutingServiceAsyncStub

Submissions = GroupCommit[intake_pb2.Submission, intake_pb2.SubmissionResult]
Actions = GroupCommit[routing_pb2.AssignmentAction, routing_pb2.ActionResult]

# Under the 4 MiB that a server of ours takes in one message.
_CALL_BYTES = 3_500_000


@dataclass(frozen=True, slots=True)
class Peers:
    """What routes ask through."""

    intake: IntakeServiceAsyncStub
    routing: RoutingServiceAsyncStub
    alerting: AlertingServiceAsyncStub
    submissions: Submissions
    actions: Actions
    timeout: float


class Sender:
    """Carries batches of reports to intake and of actions to routing."""

    def __init__(
        self, intake: IntakeServiceAsyncStub, routing: RoutingServiceAsyncStub, timeout: float
    ) -> None:
        self._intake = intake
        self._routing = routing
        self._timeout = timeout

    async def submit(
        self, submissions: Sequence[intake_pb2.Submission]
    ) -> list[intake_pb2.SubmissionResult]:
        """Send reports to intake, in as few calls as their size allows."""
        calls = [self._submit(chunk) for chunk in chunks(submissions)]
        return [result for results in await asyncio.gather(*calls) for result in results]

    async def _submit(
        self, submissions: Sequence[intake_pb2.Submission]
    ) -> list[intake_pb2.SubmissionResult]:
        request = intake_pb2.SubmitReportsRequest(submissions=submissions)
        try:
            answer = await rpc.call(self._intake.SubmitReports, request, timeout=self._timeout)
        except InvalidArgumentError as error:
            # One that breaks the contract fails the call: the others must not suffer for it.
            if len(submissions) == 1:
                return [intake_pb2.SubmissionResult(refusal=rpc.refusal(_own(error)))]
            alone = await asyncio.gather(*[self._submit([item]) for item in submissions])
            return [result for results in alone for result in results]
        return list(answer.results)

    async def act(
        self, actions: Sequence[routing_pb2.AssignmentAction]
    ) -> list[routing_pb2.ActionResult]:
        """Send actions to routing, as `submit` does."""
        request = routing_pb2.ActRequest(actions=actions)
        try:
            answer = await rpc.call(self._routing.Act, request, timeout=self._timeout)
        except InvalidArgumentError as error:
            if len(actions) == 1:
                return [routing_pb2.ActionResult(refusal=rpc.refusal(_own(error)))]
            alone = await asyncio.gather(*[self.act([item]) for item in actions])
            return [result for results in alone for result in results]
        return list(answer.results)


def chunks(
    submissions: Sequence[intake_pb2.Submission],
) -> Iterator[Sequence[intake_pb2.Submission]]:
    """Yield the submissions in groups that fit into one call, in order."""
    start = size = 0
    for index, submission in enumerate(submissions):
        more = submission.ByteSize() + 8
        if index > start and size + more > _CALL_BYTES:
            yield submissions[start:index]
            start, size = index, 0
        size += more
    yield submissions[start:]


def _own(error: SongtorError) -> SongtorError:
    """Return the error with its fields named as the sender knows them, not as in our batch."""
    if not isinstance(error, InvalidArgumentError):
        return error
    return InvalidArgumentError(
        error.message,
        reason=error.reason,
        violations=[
            type(item)(_without_batch(item.field), item.reason, item.description)
            for item in error.violations
        ],
    )


def _without_batch(field: str) -> str:
    return field.removeprefix("submissions[0].").removeprefix("report.").removeprefix("actions[0].")
