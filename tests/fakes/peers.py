"""Routing, alerting and registry as the gateway meets them: their contracts, a little memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from mesh import rpc
from mesh.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from songtor.alerting.v1 import alerting_pb2, alerting_pb2_grpc
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc
from songtor.routing.v1 import routing_pb2, routing_pb2_grpc
from songtor.type.v1 import type_pb2

ACCEPTED = routing_pb2.ASSIGNMENT_STATE_ACCEPTED


@dataclass
class FakeRouting(routing_pb2_grpc.RoutingServiceServicer):
    """Accepts what it is told to know, once a key."""

    agencies: dict[str, str] = field(default_factory=dict)
    """Assignment to the agency that may act on it."""
    heard: list[routing_pb2.AssignmentAction] = field(default_factory=list)
    answers: dict[str, routing_pb2.Assignment] = field(default_factory=dict)

    async def Act(self, request: routing_pb2.ActRequest, context: Any) -> routing_pb2.ActResponse:  # noqa: N802
        return routing_pb2.ActResponse(results=[self._act(action) for action in request.actions])

    def _act(self, action: routing_pb2.AssignmentAction) -> routing_pb2.ActionResult:
        self.heard.append(action)
        known = self.answers.get(action.idempotency_key)
        if known is not None:
            return routing_pb2.ActionResult(assignment=known, replayed=True)
        owner = self.agencies.get(action.assignment_id)
        if owner is None:
            error: Exception = NotFoundError("none", reason="NO_SUCH_ASSIGNMENT")
        elif owner != action.agency:
            error = PermissionDeniedError("not yours", reason="NOT_YOURS")
        elif action.action != routing_pb2.ACTION_ACCEPT:
            error = FailedPreconditionError(
                "no", reason="ILLEGAL_MOVE", details={"state": "requested", "version": "1"}
            )
        else:
            made = routing_pb2.Assignment(
                assignment_id=action.assignment_id, agency=owner, state=ACCEPTED, version=2
            )
            self.answers[action.idempotency_key] = made
            return routing_pb2.ActionResult(assignment=made)
        return routing_pb2.ActionResult(refusal=rpc.refusal(error))

    async def GetReferrals(  # noqa: N802
        self, request: routing_pb2.GetReferralsRequest, context: Any
    ) -> routing_pb2.GetReferralsResponse:
        made = routing_pb2.Assignment(assignment_id="a1", case_id=request.case_id, state=ACCEPTED)
        referral = routing_pb2.Referral(
            referral_id="r1",
            problem_type="violence",
            state="active",
            assignments=[made],
            milestones=[routing_pb2.Milestone(kind="delivered", assignment_id="a1")],
        )
        return routing_pb2.GetReferralsResponse(referrals=[referral])


@dataclass
class FakeAlerting(alerting_pb2_grpc.AlertingServiceServicer):
    """Holds one alert."""

    asked: list[alerting_pb2.ListAlertsRequest] = field(default_factory=list)
    alert: alerting_pb2.Alert = field(
        default_factory=lambda: alerting_pb2.Alert(
            alert_id="01a1ffbd-86de-707c-a94c-a5dc8eaa7314",
            scope=type_pb2.CaseScope(reference="1234-5678-9012", province_code="50"),
            kind="reach_overdue",
            tier="province",
            state=alerting_pb2.ALERT_STATE_OPEN,
        )
    )

    async def ListAlerts(  # noqa: N802
        self, request: alerting_pb2.ListAlertsRequest, context: Any
    ) -> alerting_pb2.ListAlertsResponse:
        self.asked.append(request)
        return alerting_pb2.ListAlertsResponse(alerts=[self.alert])

    async def Acknowledge(  # noqa: N802
        self, request: alerting_pb2.AcknowledgeRequest, context: Any
    ) -> alerting_pb2.AcknowledgeResponse:
        if request.alert_id != self.alert.alert_id:
            raise NotFoundError("none", reason="NO_SUCH_ALERT")
        self.alert.state = alerting_pb2.ALERT_STATE_ACKNOWLEDGED
        self.alert.acknowledged_by = request.by
        return alerting_pb2.AcknowledgeResponse(alert=self.alert)


@dataclass
class FakeRegistry(registry_pb2_grpc.RegistryServiceServicer):
    """Knows a few units."""

    unit_ids: list[str] = field(default_factory=lambda: ["TH-MSDHS-5001-001"])
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def WatchReleases(  # noqa: N802
        self, request: registry_pb2.WatchReleasesRequest, context: Any
    ) -> AsyncIterator[registry_pb2.WatchReleasesResponse]:
        while True:
            yield registry_pb2.WatchReleasesResponse(release=registry_pb2.Release(version=1))
            await self.released.wait()
            self.released.clear()

    async def GetSnapshot(  # noqa: N802
        self, request: registry_pb2.GetSnapshotRequest, context: Any
    ) -> AsyncIterator[registry_pb2.GetSnapshotResponse]:
        for unit_id in self.unit_ids:
            yield registry_pb2.GetSnapshotResponse(
                units=[
                    registry_pb2.Unit(
                        unit_id=unit_id, name_th="ท", agency="msdhs", unit_type="x", hours="24x7"
                    )
                ]
            )


@asynccontextmanager
async def serving(
    routing: FakeRouting, alerting: FakeAlerting, registry: FakeRegistry
) -> AsyncIterator[str]:
    """Serve all three on one address."""
    server = rpc.server(None, {})
    routing_pb2_grpc.add_RoutingServiceServicer_to_server(routing, server)
    alerting_pb2_grpc.add_AlertingServiceServicer_to_server(alerting, server)
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(registry, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


def channel(address: str) -> grpc.aio.Channel:
    """Open a channel to an address without TLS."""
    return grpc.aio.insecure_channel(address)
