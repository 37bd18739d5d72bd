"""gRPC in, command, gRPC out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import grpc.aio

from mesh.clock import Clock
from mesh.database import Database, Transaction, finish
from mesh.identity import spiffe_id
from mesh.rpc import AllowList
from services.alerting import commands, rows, storage, wire
from services.alerting.commands import Engine
from services.alerting.domain.alerts import Alert
from services.alerting.domain.case import Case
from songtor.alerting.v1 import alerting_pb2, alerting_pb2_grpc

SERVICE = "songtor.alerting.v1.AlertingService"
_GATEWAY = frozenset({spiffe_id("service", "gateway")})
ALLOWED: AllowList = {
    f"/{SERVICE}/ListAlerts": _GATEWAY,
    f"/{SERVICE}/Acknowledge": _GATEWAY,
    f"/{SERVICE}/Nack": _GATEWAY,
    f"/{SERVICE}/Snooze": _GATEWAY,
    f"/{SERVICE}/Resolve": _GATEWAY,
}
_PAGE = 100

Answer = Awaitable[tuple[Alert, Case]]
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
        def answer(tx: Transaction, alert_id: UUID, now: datetime) -> Answer:
            return commands.acknowledge(
                tx, self._engine, alert_id, by=request.by, note=request.note, now=now
            )

        return alerting_pb2.AcknowledgeResponse(alert=await self._do(request.alert_id, answer))

    async def Nack(
        self, request: alerting_pb2.NackRequest, context: Context
    ) -> alerting_pb2.NackResponse:
        def answer(tx: Transaction, alert_id: UUID, now: datetime) -> Answer:
            return commands.refuse(
                tx, self._engine, alert_id, by=request.by, reason=request.reason, now=now
            )

        return alerting_pb2.NackResponse(alert=await self._do(request.alert_id, answer))

    async def Snooze(
        self, request: alerting_pb2.SnoozeRequest, context: Context
    ) -> alerting_pb2.SnoozeResponse:
        until = wire.instant(request.until)

        def answer(tx: Transaction, alert_id: UUID, now: datetime) -> Answer:
            return commands.snooze(
                tx, self._engine, alert_id, by=request.by, reason=request.reason, until=until,
                now=now,
            )  # fmt: skip

        return alerting_pb2.SnoozeResponse(alert=await self._do(request.alert_id, answer))

    async def Resolve(
        self, request: alerting_pb2.ResolveRequest, context: Context
    ) -> alerting_pb2.ResolveResponse:
        def answer(tx: Transaction, alert_id: UUID, now: datetime) -> Answer:
            return commands.resolve(
                tx, self._engine, alert_id, by=request.by, reason=request.reason, now=now
            )

        return alerting_pb2.ResolveResponse(alert=await self._do(request.alert_id, answer))

    async def _do(
        self, alert_id: str, answer: Callable[[Transaction, UUID, datetime], Answer]
    ) -> alerting_pb2.Alert:
        """Take a person's answer in one transaction, to its end even when the caller goes."""
        return await finish(self._answered(UUID(alert_id), answer))

    async def _answered(
        self, alert_id: UUID, answer: Callable[[Transaction, UUID, datetime], Answer]
    ) -> alerting_pb2.Alert:
        async with self._database.transaction() as tx:
            alert, case = await answer(tx, alert_id, self._clock.now())
            sent = await storage.notifications_of(tx, [alert.alert_id])
        return wire.alert_to_proto(alert, case, sent[alert.alert_id])
