"""How fast cases are routed: `python -m bench.routing_decide [--cases N] [--profile]`.

`routing_decide`: decisions alone, by the national directory, no I/O. `routing_consume`: reported
cases on a real broker until everything about them is committed in a durable PostgreSQL.
`routing_hear`: news of agencies' systems (receipt, acceptance, reached, completion of each),
likewise. `routing_relay`: what all that announced, from the outbox to the broker. The floor of the
two in the middle: the same messages and the very statements that routing wrote, in the same
batches, without reading, deciding or building anything. Cases come from the directory in a fixed
order, by no chance. Processor times are told too: they hold on a machine that others use.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from bench.machine import describe
from directory.decide import Decider
from directory.model import Snapshot
from mesh import inbox, migrate, topology
from mesh.clock import SystemClock
from mesh.consumer import Consumer, Handler, read
from mesh.database import Database, Transaction
from mesh.instant import to_proto
from mesh.messaging import Bus, Event, Message, connect
from mesh.outbox import Outbox, Relay
from mesh.topology import Durable, Stream
from policies.reader import load
from sandbox.national import national_units
from sandbox.servers.nats import NatsServer
from sandbox.servers.postgres import PostgresServer
from services.routing import storage, wire
from services.routing.commands.parts import Parts
from services.routing.consumers import AgencyNews, CasesReported
from services.routing.domain.decision import open_referrals
from services.routing.domain.identifiers import time_ordered
from services.routing.domain.lifecycle import Rules
from services.routing.topology import CASES, INBOUND_NEWS, SPOKEN, STREAMS
from songtor.intake.v1 import events_pb2
from songtor.routing.v1 import events_pb2 as routing_events
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2

CASE = Stream("CASE", ("case.v1.>",))
MIGRATIONS = Path(storage.__file__).parents[1] / "migrations"
SPACE = UUID("3f0c1d1e-7a5e-5d0a-8f5b-2b9f9f6f1a10")
POLICIES = load()
CLOCK = SystemClock()
ACTIONS = (
    routing_pb2.ACTION_ACCEPT,
    routing_pb2.ACTION_RECORD_REACHED,
    routing_pb2.ACTION_COMPLETE,
)


def reports(snapshot: Snapshot, count: int) -> list[Event]:
    """Return what intake announces of cases all over the country, of every kind."""
    stations = [u for u in snapshot.units.values() if u.unit_type == "police_station"]
    kinds = product(sorted(POLICIES.problem_types), ("normal", "urgent", "normal", "crisis"))
    found = []
    for number, (station, (problem, urgency)) in enumerate(
        islice(zip(cycle(stations), cycle(kinds), strict=False), count)
    ):
        case_id = time_ordered(CLOCK.now(), str(number))
        message = events_pb2.CaseReported(
            scope=type_pb2.CaseScope(
                case_id=str(case_id),
                reference=f"SGT-{number:08}",
                province_code=station.province,
                problem_types=[problem],
                urgency=type_pb2.Urgency.Value(f"URGENCY_{urgency.upper()}"),
                reported_at=to_proto(CLOCK.now()),
            ),
            report_id=str(uuid5(case_id, "report")),
            place=type_pb2.Place(
                province_code=station.province,
                district_code=station.district,
                subdistrict_code=station.subdistrict,
                point=type_pb2.GeoPoint(latitude=station.latitude, longitude=station.longitude),
            ),
            channel=type_pb2.CHANNEL_WALK_IN,
            kind=type_pb2.REPORT_KIND_INCIDENT,
            source="agency:ngo" if number % 10 == 0 else "door:website",
            people=[type_pb2.PersonSummary(pseudonym="P1", age_band="15-17", groups=["child"])],
            need_summary="ต้องการที่พักปลอดภัยและนักสังคมสงเคราะห์",
            safe_contact=type_pb2.SafeContact(channels=["phone"], hours="09:00-16:00"),
        )
        found.append(Event(case_id, "case.v1.reported.normal", message.SerializeToString()))
    return found


def decide(snapshot: Snapshot, events: Sequence[Event]) -> dict[str, object]:
    """Decide every case and return how fast that went."""
    decider = Decider(POLICIES)
    facts = [wire.new_case(event.payload).facts for event in events]
    now = CLOCK.now()
    for case in facts[:200]:
        open_referrals(case, decider, snapshot, now=now)
    started = time.perf_counter()
    decisions = sum(len(open_referrals(case, decider, snapshot, now=now)) for case in facts)
    seconds = time.perf_counter() - started
    return {
        "cases_per_second": round(len(facts) / seconds),
        "decisions_per_second": round(decisions / seconds),
    }


def server_cpu(folder: Path) -> float:
    """Return the processor seconds that PostgreSQL's processes have taken so far."""
    leader = next(folder.rglob("postmaster.pid")).read_text().split()[0]
    total = 0
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = process.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if leader in (fields[1], process.parent.name):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that PostgreSQL may enter, whoever it has to run as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@dataclass(frozen=True, slots=True)
class Course:
    """What is measured on: routing's database, the floor's, and the broker."""

    database: Database
    bare: Database
    bus: Bus
    folder: Path

    def effort(self) -> tuple[float, float, float]:
        """Return seconds so far: on the clock, of this process's processor, of PostgreSQL's."""
        return time.perf_counter(), time.process_time(), server_cpu(self.folder)


@asynccontextmanager
async def servers() -> AsyncIterator[Course]:
    """Run PostgreSQL (durable) and NATS, and open what is measured on them."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        postgres = PostgresServer(folder / "postgres", log=folder / "log")
        nats = NatsServer(folder / "nats", log=folder / "nats.log")
        await postgres.start()
        stack.push_async_callback(postgres.stop)
        await nats.start()
        stack.push_async_callback(nats.stop)
        admin = postgres.url(scheme="postgresql+asyncpg")
        await migrate.provision(admin, {"routing": "bench", "floor": "bench"})
        opened = []
        for schema in ("routing", "floor"):
            await migrate.upgrade(admin, schema, MIGRATIONS)
            place = admin.rpartition("@")[2]
            url = f"postgresql+asyncpg://songtor_{schema}:bench@{place}"
            opened.append(Database(url, schema=schema))
            stack.push_async_callback(opened[-1].close)
        bus = await connect(nats.url, None)
        stack.push_async_callback(bus.close)
        yield Course(opened[0], opened[1], bus, folder)


@dataclass
class Recorder:
    """Remembers each statement of each batch, for the floor to write again."""

    batches: list[tuple[int, list[tuple[Any, Any]]]] = field(default_factory=list)

    def listen(self, tx: Transaction, messages: int) -> None:
        """Put an ear on the transaction."""
        written: list[tuple[Any, Any]] = []
        self.batches.append((messages, written))
        connection: Any = _Heard(tx._connection, written)  # noqa: SLF001 the bench's own process
        tx._connection = connection  # noqa: SLF001


class _Heard:
    def __init__(self, connection: Any, written: list[tuple[Any, Any]]) -> None:
        self._connection = connection
        self._written = written

    async def execute(self, statement: Any, parameters: Any) -> Any:
        self._written.append((statement, parameters))
        return await self._connection.execute(statement, parameters)


async def news(database: Database) -> list[Event]:
    """Return what the agencies' systems tell of every offer: a whole life in four messages."""
    async with database.transaction() as tx:
        rows = await tx.execute(
            "SELECT delivery_id, assignment_id, agency FROM delivery WHERE kind = 'offer'"
            " ORDER BY assignment_id"
        )
    found = []
    for number, (action, row) in enumerate(product((0, *ACTIONS), rows)):
        update = routing_events.AgencyUpdate(
            update_id=str(uuid5(SPACE, f"update {number}")),
            kind=2 if action else 1,  # type: ignore[arg-type]  # an enum's number
            delivery_id="" if action else str(row["delivery_id"]),
            assignment_id=str(row["assignment_id"]),
            action=action,  # type: ignore[arg-type]  # an enum's number
            occurred_at=to_proto(CLOCK.now()),
            outcomes=["helped"] if action == ACTIONS[-1] else [],
        )
        subject = f"inbound.v1.{row['agency']}"
        found.append(Event(UUID(update.update_id), subject, update.SerializeToString()))
    return found


@dataclass(frozen=True, slots=True)
class Race:
    """One handler against the floor, over the same messages."""

    name: str
    durable: Durable
    handler: Handler
    events: Sequence[Event]

    async def run(self, course: Course) -> None:
        """Run both and print a line."""
        recorder, count = Recorder(), len(self.events)
        await self._publish(course.bus)
        before = course.effort()
        await self._consume(course, recorder)
        seconds, own, postgres = (b - a for a, b in zip(before, course.effort(), strict=True))
        await course.bus.jetstream.delete_stream(self.durable.stream)
        await self._publish(course.bus)
        before = course.effort()
        await self._floor(course, recorder)
        floor, _, floor_postgres = (b - a for a, b in zip(before, course.effort(), strict=True))
        tell(
            self.name,
            messages=count,
            batches=len(recorder.batches),
            messages_per_second=round(count / seconds),
            floor_messages_per_second=round(count / floor),
            ratio=round(floor / seconds, 2),
            own_cpu_ms_per_message=round(1000 * own / count, 3),
            postgres_cpu_ms_per_message=round(1000 * postgres / count, 3),
            floor_postgres_cpu_ms_per_message=round(1000 * floor_postgres / count, 3),
        )

    async def _publish(self, bus: Bus) -> None:
        await topology.apply(bus.jetstream, [CASE, *STREAMS], [self.durable], replicas=1)
        for start in range(0, len(self.events), 500):
            await bus.publish(self.events[start : start + 500], timeout=30)

    async def _consume(self, course: Course, recorder: Recorder) -> None:
        done = 0
        finished = asyncio.Event()

        async def handle(tx: Transaction, messages: Sequence[Message]) -> None:
            recorder.listen(tx, len(messages))
            await self.handler(tx, messages)

            def tally() -> None:
                nonlocal done
                done += len(messages)
                if done >= len(self.events):
                    finished.set()

            tx.after_commit(tally)

        consumer = Consumer(course.database, course.bus, self.durable, handle, CLOCK)
        task = asyncio.create_task(consumer.run())
        await finished.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _floor(self, course: Course, recorder: Recorder) -> None:
        puller = await course.bus.pull(self.durable, batch=256)
        waiting: list[Message] = []
        name = self.durable.name
        for count, statements in recorder.batches:
            while len(waiting) < count:
                waiting += [message for raw in await puller.next() if (message := read(raw))]
            taken, waiting = waiting[:count], waiting[count:]
            async with course.bare.transaction() as tx:
                await inbox.claim(tx, name, [m.message_id for m in taken], now=CLOCK.now())
                for statement, parameters in statements:
                    await tx.execute(statement, parameters)
            for message in taken:
                await message.ack()
        await puller.stop()


async def relay(course: Course, outbox: Outbox) -> None:
    """Publish all that was announced, and print a line."""
    relaying = Relay(course.database, course.bus, outbox.written, CLOCK, SPOKEN)
    before, total = course.effort(), 0
    while (counts := await relaying.publish_once())[1]:
        total += counts[0]
    seconds, own, postgres = (b - a for a, b in zip(before, course.effort(), strict=True))
    tell(
        "routing_relay",
        messages=total,
        messages_per_second=round(total / seconds),
        own_cpu_ms_per_message=round(1000 * own / total, 3),
        postgres_cpu_ms_per_message=round(1000 * postgres / total, 3),
    )


def tell(name: str, **numbers: object) -> None:
    """Print a line."""
    print(json.dumps({"bench": name, **numbers, **describe()}))


async def measure(cases: int, *, profile: bool) -> None:
    """Measure everything."""
    snapshot = Snapshot.of(1, national_units())
    events = reports(snapshot, cases)
    # As the replica does: the directory is not walked again and again.
    gc.collect()
    gc.freeze()
    tell("routing_decide", **decide(snapshot, events))
    async with servers() as course:
        outbox = Outbox(CLOCK, source="songtor/routing")
        rules = Rules(POLICIES.reasons, timedelta(hours=24))
        parts = Parts(Decider(POLICIES), lambda: snapshot, outbox, rules)
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        opening = CasesReported(CASES.name, parts, CLOCK).handle
        await Race("routing_consume", CASES, opening, events).run(course)
        told = await news(course.database)
        hearing = AgencyNews(parts, CLOCK).handle
        await Race("routing_hear", INBOUND_NEWS, hearing, told).run(course)
        await relay(course, outbox)
        profiler.disable()
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    # Not on uvloop, as the process itself runs: it cannot start a server as another user.
    asyncio.run(measure(given.cases, profile=given.profile))


if __name__ == "__main__":
    main()
