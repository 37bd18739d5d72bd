"""Alerting hears intake and routing over JetStream, and announces its alerts there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import pytest_asyncio
from google.protobuf.message import Message as Protobuf
from google.protobuf.timestamp_pb2 import Timestamp

from mesh.consumer import Consumer
from mesh.messaging import Bus, Event
from mesh.outbox import Relay
from mesh.topology import Durable, Stream
from services.alerting.consumers import CasesHeard
from services.alerting.topology import DURABLES, STREAMS
from songtor.alerting.v1 import events_pb2 as alerting_events
from songtor.intake.v1 import events_pb2 as intake_events
from songtor.routing.v1 import events_pb2 as routing_events
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2
from tests.integration.alerting.office import Office
from tests.plumbing import open_bus
from tests.unit.alerting.world import STATION
from tests.waiting import until

OTHERS = (
    Stream("CASE", ("case.v1.>",), max_bytes=64 * 1024**2),
    Stream(
        "REFERRAL", ("assignment.v1.>", "milestone.v1.>", "referral.v1.>"), max_bytes=64 * 1024**2
    ),
)
LISTENER = Durable("test-alerts", "ALERT", ("alert.v1.>",))


def stamp(at: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(at)
    return made


@dataclass
class Wire:
    """The events of one case, as intake and routing publish them."""

    office: Office
    bus: Bus
    case_id: UUID
    assignment_id: UUID
    urgency: type_pb2.Urgency = type_pb2.URGENCY_NORMAL
    ess_cause: str = ""

    def scope(self) -> type_pb2.CaseScope:
        return type_pb2.CaseScope(
            case_id=str(self.case_id),
            reference="SR-2569-000042-1",
            province_code="50",
            problem_types=["trafficking"],
            ess_cause=self.ess_cause,
            urgency=self.urgency,
            reported_at=stamp(self.office.clock.now()),
        )

    async def says(self, subject: str, message: Protobuf, event_id: UUID | None = None) -> None:
        event = Event(event_id or uuid4(), subject, message.SerializeToString())
        assert await self.bus.publish([event]) != [None]

    async def reported(self, event_id: UUID | None = None) -> None:
        message = intake_events.CaseReported(scope=self.scope(), report_id=str(uuid4()))
        await self.says("case.v1.reported.normal", message, event_id)

    async def assignment(self, state: routing_pb2.AssignmentState, version: int) -> None:
        now = stamp(self.office.clock.now())
        message = routing_events.AssignmentChanged(
            assignment=routing_pb2.Assignment(
                assignment_id=str(self.assignment_id),
                case_id=str(self.case_id),
                unit_id=STATION,
                agency="police",
                version=version,
                state=state,
                part="lead",
                requested_at=now,
            ),
            scope=self.scope(),
            ministry="police",
            occurred_at=now,
        )
        name = routing_pb2.AssignmentState.Name(state).removeprefix("ASSIGNMENT_STATE_").lower()
        await self.says(f"assignment.v1.{name}", message)

    async def milestone(self, kind: str) -> None:
        message = routing_events.MilestoneRecorded(
            milestone=routing_pb2.Milestone(
                kind=kind,
                occurred_at=stamp(self.office.clock.now()),
                assignment_id=str(self.assignment_id),
            ),
            scope=self.scope(),
        )
        await self.says(f"milestone.v1.{kind}", message)

    async def clocks(self) -> dict[str, bool]:
        """Return each step's clock and whether it runs."""
        found = await self.office.rows(
            "SELECT step, running_since IS NOT NULL AS runs FROM clock WHERE case_id = :id",
            id=self.case_id,
        )
        return {row["step"]: row["runs"] for row in found}

    async def until_clocks(self, **running: bool) -> None:
        async def so() -> bool:
            return await self.clocks() == running

        await until(so)


@pytest_asyncio.fixture
async def wire(office: Office, nats_server: str) -> AsyncIterator[Wire]:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(
            open_bus(nats_server, [*OTHERS, *STREAMS], [*DURABLES, LISTENER])
        )
        handler = CasesHeard(office.engine, office.clock).handle
        tasks = [
            asyncio.create_task(
                Consumer(office.database, bus, durable, handler, office.clock).run()
            )
            for durable in DURABLES
        ]
        relay = Relay(office.database, bus, office.engine.outbox.written, office.clock, STREAMS)
        tasks.append(asyncio.create_task(relay.run()))
        yield Wire(office, bus, uuid4(), uuid4())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_case_and_its_assignment_start_and_stop_their_clocks(wire: Wire) -> None:
    await wire.reported()
    await wire.until_clocks(reach=True, closure=True)
    await wire.assignment(routing_pb2.ASSIGNMENT_STATE_REQUESTED, 1)
    await wire.until_clocks(reach=True, closure=True, accept=True)
    await wire.assignment(routing_pb2.ASSIGNMENT_STATE_ACCEPTED, 2)
    await wire.until_clocks(reach=True, closure=True, accept=False)
    await wire.milestone("reached")
    await wire.until_clocks(reach=False, closure=True, accept=False)
    await wire.milestone("closed")
    await wire.until_clocks(reach=False, closure=False, accept=False)


async def test_news_that_comes_backwards_ends_the_same(wire: Wire) -> None:
    await wire.milestone("reached")
    await wire.assignment(routing_pb2.ASSIGNMENT_STATE_ACCEPTED, 2)
    await wire.assignment(routing_pb2.ASSIGNMENT_STATE_REQUESTED, 1)
    await wire.reported()
    await wire.until_clocks(reach=False, closure=True, accept=False)


async def test_the_same_event_twice_raises_one_emergency(wire: Wire) -> None:
    wire.urgency, wire.ess_cause = type_pb2.URGENCY_CRISIS, "threat"
    event_id = uuid4()
    await wire.reported(event_id)
    await wire.reported(event_id)
    await wire.reported()
    await wire.assignment(routing_pb2.ASSIGNMENT_STATE_REQUESTED, 1)
    await wire.until_clocks(reach=True, closure=True, accept=True, first_contact=True)
    await wire.office.sends()
    assert wire.office.mailbox.to() == sorted(["central", "province-50", STATION])


async def test_a_referral_that_found_no_unit_alerts_the_central_desk(wire: Wire) -> None:
    message = routing_events.ReferralChanged(
        referral_id=str(uuid4()),
        state="unroutable",
        scope=wire.scope(),
        occurred_at=stamp(wire.office.clock.now()),
    )
    await wire.says("referral.v1.unroutable", message)
    await wire.until_clocks(reach=True, closure=True)
    await wire.office.sends()
    assert wire.office.mailbox.to() == ["central"]


async def test_an_event_without_its_instant_is_parked_not_guessed(wire: Wire) -> None:
    message = intake_events.CaseReported(
        scope=type_pb2.CaseScope(case_id=str(wire.case_id), reference="SR-1")
    )
    event_id = uuid4()
    await wire.says("case.v1.reported.normal", message, event_id)

    async def parked() -> bool:
        found = await wire.office.rows(
            "SELECT reason FROM parked_message WHERE message_id = :id", id=event_id
        )
        return [row["reason"] for row in found] == ["NO_INSTANT"]

    await until(parked)


async def test_alerts_are_announced_on_subjects_that_carry_their_scope(wire: Wire) -> None:
    wire.urgency, wire.ess_cause = type_pb2.URGENCY_CRISIS, "threat"
    puller = await wire.bus.pull(LISTENER, batch=50)
    await wire.reported()
    heard: dict[str, alerting_events.AlertChanged] = {}
    async with asyncio.timeout(20):
        while len(heard) < 2:
            for raw in await puller.next():
                changed = alerting_events.AlertChanged.FromString(raw.data)
                if changed.alert.scope.case_id == str(wire.case_id):
                    heard[raw.subject] = changed
                await raw.ack()
    await puller.stop()
    assert sorted(heard) == ["alert.v1.central.-.50.ess", "alert.v1.province.-.50.ess"]
