"""The console's questions over gRPC: what stands, in which scope, and who takes it in hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from mesh.errors import InvalidArgumentError, NotFoundError
from mesh.instant import to_proto
from mesh.rpc import call, channel, server
from services.alerting.domain.casefile import Happening
from services.alerting.servicer import ALLOWED, AlertingServicer
from songtor.alerting.v1 import alerting_pb2, alerting_pb2_grpc
from tests.integration.alerting.office import Office
from tests.unit.alerting.world import SHELTER, STATION


@pytest_asyncio.fixture
async def stub(office: Office) -> AsyncIterator[alerting_pb2_grpc.AlertingServiceStub]:
    running = server(None, ALLOWED)
    servicer = AlertingServicer(office.database, office.engine, office.clock)
    alerting_pb2_grpc.add_AlertingServiceServicer_to_server(servicer, running)
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    opened = channel(f"127.0.0.1:{port}", None, service="alerting")
    yield alerting_pb2_grpc.AlertingServiceStub(opened)
    await opened.close()
    await running.stop(None)


async def test_each_scope_sees_its_own(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    await office.after(hours=24)

    async def listed(**filters: object) -> list[tuple[str, str]]:
        request = alerting_pb2.ListAlertsRequest(case_id=str(known.case_id), **filters)
        answer = await call(stub.ListAlerts, request)
        return sorted((a.tier, a.kind) for a in answer.alerts if a.kind == "reach_overdue")

    assert await listed() == [
        ("central", "reach_overdue"),
        ("ministry", "reach_overdue"),
        ("province", "reach_overdue"),
    ]
    assert await listed(tier="ministry", ministry="police") == [("ministry", "reach_overdue")]
    assert await listed(tier="ministry", ministry="labour") == []
    assert await listed(tier="province", province_code="51") == []
    assert await listed(state=alerting_pb2.ALERT_STATE_ACKNOWLEDGED) == []


async def test_an_alert_says_what_was_sent_to_whom(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    await office.sends()
    request = alerting_pb2.ListAlertsRequest(case_id=str(known.case_id), tier="central")
    (alert,) = (await call(stub.ListAlerts, request)).alerts
    assert alert.scope.reference == known.reference
    assert [(n.recipient_id, n.channel, n.status) for n in alert.notifications] == [
        ("central", "email", "sent")
    ]


async def test_a_tier_that_is_told_only_later_has_nothing_to_see_yet(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    await office.assigns(known)
    request = alerting_pb2.ListAlertsRequest(case_id=str(known.case_id), tier="ministry")
    assert not (await call(stub.ListAlerts, request)).alerts
    await office.after(minutes=5)
    kinds = {alert.kind for alert in (await call(stub.ListAlerts, request)).alerts}
    assert kinds == {"ess", "accept_overdue"}


async def test_pages_follow_each_other_without_gap_or_repetition(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    await office.assigns(known, STATION)
    await office.assigns(known, SHELTER)
    office.clock.advance(timedelta(minutes=1))
    seen: list[str] = []
    token = ""
    while True:
        request = alerting_pb2.ListAlertsRequest(
            case_id=str(known.case_id), page_size=1, page_token=token
        )
        answer = await call(stub.ListAlerts, request)
        seen += [alert.alert_id for alert in answer.alerts]
        token = answer.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 4


async def test_acknowledging_twice_is_once(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    (alert_id,) = await office.alerts(known, "central")
    request = alerting_pb2.AcknowledgeRequest(alert_id=str(alert_id), by="officer-1")
    first = (await call(stub.Acknowledge, request)).alert
    request.by = "officer-2"
    second = (await call(stub.Acknowledge, request)).alert
    assert first.state == alerting_pb2.ALERT_STATE_ACKNOWLEDGED
    assert second.acknowledged_by == "officer-1"


async def test_an_officer_puts_off_sends_up_and_ends_an_alert(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    await office.after(hours=24)
    (alert_id,) = map(str, await office.alerts(known, "province"))
    until = to_proto(office.clock.now() + timedelta(hours=3))
    put_off = await call(
        stub.Snooze,
        alerting_pb2.SnoozeRequest(
            alert_id=alert_id, by="officer-1", reason="waiting_for_court", until=until
        ),
    )
    assert put_off.alert.state == alerting_pb2.ALERT_STATE_SNOOZED
    assert put_off.alert.snoozed_until == until
    words = {"alert_id": alert_id, "by": "officer-1", "reason": "not_on_duty"}
    up = await call(stub.Nack, alerting_pb2.NackRequest(**words))
    assert up.alert.state == alerting_pb2.ALERT_STATE_OPEN
    assert not up.alert.HasField("snoozed_until")
    for _ in range(2):
        ended = await call(stub.Resolve, alerting_pb2.ResolveRequest(**words))
        assert ended.alert.state == alerting_pb2.ALERT_STATE_RESOLVED


async def test_a_wait_is_shown_with_its_reason_and_its_end(
    office: Office, stub: alerting_pb2_grpc.AlertingServiceStub
) -> None:
    first, second = [await office.has_case(urgency="normal", province="") for _ in range(2)]
    await office.hears(Happening(first, office.clock.now(), signal="unroutable"))
    await office.sends()
    await office.hears(Happening(second, office.clock.now(), signal="unroutable"))
    await office.sends()
    request = alerting_pb2.ListAlertsRequest(case_id=str(second.case_id), tier="central")
    (alert,) = (await call(stub.ListAlerts, request)).alerts
    (waiting,) = alert.notifications
    assert (waiting.status, waiting.waits_for) == ("waiting", "bundle")
    assert waiting.next_try_at == to_proto(office.clock.now() + timedelta(minutes=2))


async def test_an_unknown_alert_is_not_found(stub: alerting_pb2_grpc.AlertingServiceStub) -> None:
    request = alerting_pb2.AcknowledgeRequest(alert_id=str(uuid4()), by="officer-1")
    with pytest.raises(NotFoundError):
        await call(stub.Acknowledge, request)


@pytest.mark.parametrize("fields", [{"case_id": "x"}, {"page_token": "x"}, {"page_size": 501}])
async def test_a_question_that_makes_no_sense_is_refused(
    stub: alerting_pb2_grpc.AlertingServiceStub, fields: dict[str, object]
) -> None:
    with pytest.raises(InvalidArgumentError):
        await call(stub.ListAlerts, alerting_pb2.ListAlertsRequest(**fields))
