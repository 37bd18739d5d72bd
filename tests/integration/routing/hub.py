"""Routing on real PostgreSQL and NATS, spoken to in the words of the domain."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from directory.decide import Decider
from directory.model import Snapshot
from mesh.clock import ManualClock
from mesh.consumer import Consumer
from mesh.database import Database, Row
from mesh.instant import to_proto
from mesh.messaging import Bus, Event
from mesh.outbox import Outbox, Relay
from mesh.topology import Durable, Stream
from policies.reader import load
from services.routing.commands.parts import Parts
from services.routing.consumers import AgencyNews, CasesReported
from services.routing.domain.lifecycle import Rules
from services.routing.servicer import Acting, Acts, RoutingServicer
from services.routing.sweeper import Sweeper
from services.routing.topology import CASES, CASES_FAST, INBOUND_NEWS, SPOKEN, STREAMS
from songtor.intake.v1 import events_pb2 as intake_events
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2
from tests.fakes.town import CHIANG_MAI, town
from tests.plumbing import open_bus, open_database
from tests.unit.routing.making import NOW
from tests.waiting import until

CASE = Stream("CASE", ("case.v1.>",), max_bytes=256 * 1024**2)
POLICIES = load()
# A worker that dies leaves its messages for so long; short, so that a test need not wait.
DURABLES = tuple(replace(d, ack_wait_seconds=1.0) for d in (CASES_FAST, CASES, INBOUND_NEWS))


@dataclass
class Hub:
    """One routing process's parts, and everybody around it."""

    database: Database
    bus: Bus
    clock: ManualClock
    outbox: Outbox
    relay: Relay
    consumers: dict[str, Consumer]
    sweeper: Sweeper
    parts: Parts
    acting: Acting
    directory: list[Snapshot]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Begin to read the broker."""
        for consumer in self.consumers.values():
            self.tasks.append(asyncio.create_task(consumer.run()))

    def servicer(self) -> RoutingServicer:
        """Return what answers gRPC; its batches are of one."""
        return RoutingServicer(self.database, Acts(self.acting.do))

    # ---- what others say

    async def report(self, *problems: str, **fields: Any) -> UUID:
        """Report a case and wait until routing has decided; return the case."""
        event = reported(*problems, **fields)
        await self.say([event])
        return case_in(event)

    async def say(self, events: Sequence[Event]) -> None:
        """Publish, and wait until each is claimed by the durable that reads it."""
        await self.bus.publish(events)
        await self.claimed([event.event_id for event in events])

    async def claimed(self, ids: Sequence[UUID]) -> None:
        """Wait until the effects of these messages are committed."""

        async def all_there() -> bool:
            rows = await self.rows(
                "SELECT count(*) AS n FROM inbox WHERE message_id = ANY(CAST(:ids AS uuid[]))",
                ids=list(ids),
            )
            return bool(rows[0]["n"] == len(set(ids)))

        await until(all_there)

    async def tells(self, agency: str, assignment_id: UUID, action: str, **fields: Any) -> UUID:
        """Let an agency's system say what it did; return the id of the news."""
        event = acted(
            agency, assignment_id, action, at=fields.pop("at", self.clock.now()), **fields
        )
        await self.say([event])
        return event.event_id

    async def receives(self, agency: str, delivery: Row, **fields: Any) -> UUID:
        """Let an agency's system confirm that it has a delivery."""
        event = receipt(agency, delivery, at=self.clock.now(), **fields)
        await self.say([event])
        return event.event_id

    async def act(self, assignment_id: UUID, action: str, **fields: Any) -> Any:
        """Do one action over the command; return its result."""
        return (await self.acting.do([wish(assignment_id, action, **fields)]))[0]

    # ---- what is to be seen

    async def rows(self, statement: str, **parameters: Any) -> Sequence[Row]:
        async with self.database.transaction() as tx:
            return await tx.execute(statement, parameters)

    async def assignments(self, case_id: UUID) -> Sequence[Row]:
        """Return the case's assignments, the oldest first, the leading one first."""
        return await self.rows(
            "SELECT * FROM assignment WHERE case_id = :id ORDER BY requested_at, part, track",
            id=case_id,
        )

    async def only(self, case_id: UUID) -> Row:
        """Return the case's one assignment."""
        (row,) = await self.assignments(case_id)
        return row

    async def deliveries(self, case_id: UUID, agency: str = "") -> Sequence[Row]:
        """Return what adapters were asked to carry for the case, in order of its numbers."""
        return await self.rows(
            "SELECT * FROM delivery WHERE case_id = :id AND (:agency = '' OR agency = :agency)"
            " ORDER BY agency, case_seq",
            id=case_id,
            agency=agency,
        )

    async def announced(self, case_id: UUID, prefix: str = "") -> list[tuple[str, Any]]:
        """Return (subject, message) of everything announced about the case, in order."""
        found = []
        for row in await self.rows("SELECT subject, payload FROM outbox ORDER BY id"):
            message = _TYPES[row["subject"].split(".")[0]].FromString(row["payload"])
            if message.scope.case_id == str(case_id) and row["subject"].startswith(prefix):
                found.append((row["subject"], message))
        return found

    async def subjects(self, case_id: UUID, prefix: str = "") -> list[str]:
        return [subject for subject, _ in await self.announced(case_id, prefix)]

    async def leaves(self, subject_id: object) -> list[str]:
        """Return the actions in the audit log about this id, in order."""
        rows = await self.rows(
            "SELECT action FROM audit_leaf WHERE subject_id = :id ORDER BY id", id=str(subject_id)
        )
        return [row["action"] for row in rows]

    async def somebody_waits(self) -> bool:
        """Say whether a transaction of routing's waits for another one's lock."""
        rows = await self.rows(
            "SELECT count(*) AS n FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND usename = current_user"
        )
        return bool(rows[0]["n"])

    async def parked(self, message_id: UUID) -> str:
        """Return the reason for which a message was set aside, or nothing."""
        rows = await self.rows(
            "SELECT reason FROM parked_message WHERE message_id = :id", id=message_id
        )
        return rows[0]["reason"] if rows else ""


_TYPES: dict[str, Any] = {
    "assignment": events_pb2.AssignmentChanged,
    "milestone": events_pb2.MilestoneRecorded,
    "referral": events_pb2.ReferralChanged,
    "delivery": events_pb2.DeliveryRequested,
}
_URGENCIES = {"crisis": 1, "urgent": 2, "normal": 3}


def reported(*problems: str, case_id: UUID | None = None, **fields: Any) -> Event:
    """Return what intake announces of a new case in Chiang Mai."""
    urgency, cause = fields.get("urgency", "normal"), fields.get("ess_cause", "")
    message = intake_events.CaseReported(
        scope=type_pb2.CaseScope(
            case_id=str(case_id or uuid4()),
            reference="SGT-0000-0",
            province_code=fields.get("province", CHIANG_MAI),
            problem_types=problems or ("unready_pregnancy",),
            ess_cause=cause,
            urgency=_URGENCIES[urgency],  # type: ignore[arg-type]  # an enum's number
            excluded=fields.get("excluded", ()),
            reported_at=to_proto(fields.get("at", NOW)),
        ),
        report_id=str(uuid4()),
        place=type_pb2.Place(
            province_code=fields.get("province", CHIANG_MAI),
            point=type_pb2.GeoPoint(latitude=18.79, longitude=98.98),
        ),
        channel=type_pb2.CHANNEL_WALK_IN,
        kind=fields.get("kind", type_pb2.REPORT_KIND_INCIDENT),
        source=fields.get("source", "door:website"),
        people=[type_pb2.PersonSummary(pseudonym="P1", age_band="15-17")],
        need_summary="ที่พักปลอดภัย",
        safe_contact=type_pb2.SafeContact(contact_prohibited=True),
        receiving_unit_id=fields.get("receiving_unit_id", ""),
    )
    lane = "ess" if cause else urgency
    return Event(uuid4(), f"case.v1.reported.{lane}", message.SerializeToString())


def case_in(event: Event) -> UUID:
    """Return the case that a report is about."""
    return UUID(intake_events.CaseReported.FromString(event.payload).scope.case_id)


def acted(agency: str, assignment_id: UUID, action: str, *, at: datetime, **fields: Any) -> Event:
    """Return the news that an agency's system acted."""
    update = events_pb2.AgencyUpdate(
        update_id=str(uuid4()),
        kind=events_pb2.UPDATE_KIND_ACTED,
        assignment_id=str(assignment_id),
        action=routing_pb2.Action.Value(f"ACTION_{action.upper()}"),
        occurred_at=to_proto(at),
        outcomes=["helped"] if action == "complete" else [],
        **fields,
    )
    return Event(UUID(update.update_id), f"inbound.v1.{agency}", update.SerializeToString())


def receipt(agency: str, delivery: Row, *, at: datetime, **fields: Any) -> Event:
    """Return an agency's receipt for a delivery, or with `kind` that it cannot be carried."""
    given: dict[str, Any] = {
        "update_id": str(uuid4()),
        "kind": events_pb2.UPDATE_KIND_DELIVERED,
        "delivery_id": str(delivery["delivery_id"]),
        "assignment_id": str(delivery["assignment_id"]),
        "occurred_at": to_proto(at),
        "agency_record_id": "RECORD-1",
    }
    update = events_pb2.AgencyUpdate(**{**given, **fields})
    return Event(UUID(update.update_id), f"inbound.v1.{agency}", update.SerializeToString())


_ACTION_REASONS = {"decline": "no_capacity", "cancel": "duplicate", "hold": "waiting_court"}


def wish(assignment_id: UUID, action: str, **fields: Any) -> routing_pb2.AssignmentAction:
    """Return an action of an officer of the hospital, or of whom `fields` say."""
    role = fields.pop("role", "target")
    given: dict[str, Any] = {
        "assignment_id": str(assignment_id),
        "action": routing_pb2.Action.Value(f"ACTION_{action.upper()}"),
        "role": routing_pb2.ActorRole.Value(f"ACTOR_ROLE_{role.upper()}"),
        "agency": "public_health",
        "actor": "officer-1",
        "reason_code": _ACTION_REASONS.get(action, ""),
        "outcomes": ["helped"] if action == "complete" else [],
        "idempotency_key": str(uuid4()),
    }
    return routing_pb2.AssignmentAction(**{**given, **fields})


@asynccontextmanager
async def open_hub(database: str, nats_server: str) -> AsyncIterator[Hub]:
    """Open routing's parts on an empty database and broker; nothing is read until `start`."""
    async with (
        open_database(database, "routing") as opened,
        open_bus(nats_server, [CASE, *STREAMS], DURABLES) as bus,
    ):
        clock = ManualClock(NOW)
        outbox = Outbox(clock, source="songtor/routing")
        directory = [town()]
        parts = Parts(
            Decider(POLICIES),
            lambda: directory[-1],
            outbox,
            Rules(POLICIES.reasons, timedelta(hours=24)),
        )
        handlers = {
            DURABLES[0]: CasesReported(DURABLES[0].name, parts, clock).handle,
            DURABLES[1]: CasesReported(DURABLES[1].name, parts, clock).handle,
            DURABLES[2]: AgencyNews(parts, clock).handle,
        }
        hub = Hub(
            database=opened,
            bus=bus,
            clock=clock,
            outbox=outbox,
            relay=Relay(opened, bus, outbox.written, clock, SPOKEN),
            consumers={
                durable.name: Consumer(opened, bus, durable, handle, clock)
                for durable, handle in handlers.items()
            },
            sweeper=Sweeper(opened, outbox, clock),
            parts=parts,
            acting=Acting(opened, parts, clock),
            directory=directory,
        )
        yield hub
        for task in hub.tasks:
            task.cancel()
        await asyncio.gather(*hub.tasks, return_exceptions=True)


def durable(name: str) -> Durable:
    """Return a durable as these tests have it."""
    return next(d for d in DURABLES if d.name == name)
