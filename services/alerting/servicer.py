"""gRPC in, command, gRPC out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import grpc.aio

from mesh.clock import Clock
from mesh.database import Database, finish
from mesh.identity import spiffe_id
from mesh.rpc import AllowList
from services.alerting import commands, rows, storage, wire
from services.alerting.commands import Engine
from songtor.alerting.v1 import alerting_pb2, alerting_pb2_grpc

SERVICE = "songtor.alerting.v1.AlertingService"
_GATEWAY = frozenset({spiffe_id("service", "gateway")})
ALLOWED: AllowList = {
    f"/{SERVICE}/ListAlerts": _GATEWAY,
    f"/{SERVICE}/Acknowledge": _GATEWAY,
}
_PAGE = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AlertingServicer(alerting_pb2_grpc.AlertingServiceServicer):
    """Answers what alerts stand, and takes the word of whoever takes one in hand."""

    def __init__(self, database: Database, engine: Engine, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._clock = clock

    async def ListAlerts(
        self, request: alerting_pb2.ListAlertsRequest, context: Context
    ) -> alerting_pb2.ListAlertsResponse:
        limit = request.page_size or _PAGE
        async with self._database.transaction() as tx:
            found = await storage.list_alerts(
                tx,
                tier=request.tier,
                province=request.province_code,
                ministry=request.ministry,
                case_id=wire.case_id_from(request.case_id),
                state=wire.alert_state_from(request.state),
                before=wire.place_from(request.page_token),
                limit=limit,
            )
            sent = await storage.notifications_of(tx, [row["alert_id"] for row in found])
        alerts = [(rows.alert(row), rows.case(row)) for row in found]
        return alerting_pb2.ListAlertsResponse(
            alerts=[wire.alert_to_proto(a, case, sent[a.alert_id]) for a, case in alerts],
            next_page_token=wire.page_token(alerts[-1][0]) if len(alerts) == limit else "",
        )

    async def Acknowledge(
        self, request: alerting_pb2.AcknowledgeRequest, context: Context
    ) -> alerting_pb2.AcknowledgeResponse:
        return await finish(self._acknowledge(request))

    async def _acknowledge(
        self, request: alerting_pb2.AcknowledgeRequest
    ) -> alerting_pb2.AcknowledgeResponse:
        async with self._database.transaction() as tx:
            alert, case = await commands.acknowledge(
                tx,
                self._engine,
                UUID(request.alert_id),
                by=request.by,
                note=request.note,
                now=self._clock.now(),
            )
            sent = await storage.notifications_of(tx, [alert.alert_id])
        return alerting_pb2.AcknowledgeResponse(
            alert=wire.alert_to_proto(alert, case, sent[alert.alert_id])
        )
