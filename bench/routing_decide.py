"""How fast cases are routed: `python -m bench.routing_decide [--cases N] [--profile]`.

Three lines. `decide`: decisions alone, by the national directory, no I/O. `consume`: reported cases
on a real broker until everything about them is committed in a durable PostgreSQL. `floor`: the same
messages and the very statements that the run before wrote, in the same batches, without reading,
deciding or building anything. Cases are made from the directory in a fixed order, by no chance.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
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
from mesh.consumer import Consumer, read
from mesh.database import Database, Row, Transaction
from mesh.instant import to_proto
from mesh.messaging import Bus, Event, Message, connect
from mesh.outbox import Outbox
from mesh.topology import Stream
from policies.reader import load
from sandbox.national import national_units
from sandbox.servers.nats import NatsServer
from sandbox.servers.postgres import PostgresServer
from services.routing import storage, wire
from services.routing.commands.parts import Parts
from services.routing.consumers import CasesReported
from services.routing.domain.decision import open_referrals
from services.routing.domain.lifecycle import Rules
from services.routing.topology import CASES, STREAMS
from songtor.intake.v1 import events_pb2
from songtor.type.v1 import type_pb2

CASE = Stream("CASE", ("case.v1.>",))
MIGRATIONS = Path(storage.__file__).parents[1] / "migrations"
SPACE = UUID("3f0c1d1e-7a5e-5d0a-8f5b-2b9f9f6f1a10")
POLICIES = load()
CLOCK = SystemClock()


def reports(snapshot: Snapshot, count: int) -> list[Event]:
    """Return what intake announces of cases all over the country, of every kind."""
    stations = [u for u in snapshot.units.values() if u.unit_type == "police_station"]
    kinds = product(sorted(POLICIES.problem_types), ("normal", "urgent", "normal", "crisis"))
    found = []
    for number, (station, (problem, urgency)) in enumerate(
        islice(zip(cycle(stations), cycle(kinds), strict=False), count)
    ):
        case_id = uuid5(SPACE, str(number))
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
    facts = [wire.case_of(event.payload).facts for event in events]
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


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder that PostgreSQL may enter, whoever it has to run as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def servers() -> AsyncIterator[tuple[Database, Database, Bus]]:
    """Run PostgreSQL (durable) and NATS; yield routing's database, the floor's and the broker."""
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
        yield opened[0], opened[1], bus


@dataclass
class Recorder:
    """Remembers each statement of each batch, for the floor to write again."""

    batches: list[tuple[int, list[tuple[Any, Any]]]] = field(default_factory=list)

    def listen(self, tx: Transaction, messages: int) -> Transaction:
        """Return the transaction with an ear on it."""
        written: list[tuple[Any, Any]] = []
        self.batches.append((messages, written))
        return _Heard(tx, written)


class _Heard(Transaction):
    def __init__(self, inner: Transaction, written: list[tuple[Any, Any]]) -> None:
        super().__init__(inner._connection)  # noqa: SLF001 the bench listens to its own process
        self._after_commit = inner._after_commit  # noqa: SLF001
        self._written = written

    async def execute(self, statement: Any, parameters: Any = None) -> Sequence[Row]:
        self._written.append((statement, parameters))
        return await super().execute(statement, parameters)

    async def change(self, statement: str, parameters: Mapping[str, Any] | None = None) -> int:
        self._written.append((statement, parameters))
        return await super().change(statement, parameters)


async def publish(bus: Bus, events: Sequence[Event]) -> None:
    """Put the cases on an empty stream."""
    await topology.apply(bus.jetstream, [CASE, *STREAMS], [CASES], replicas=1)
    for start in range(0, len(events), 500):
        await bus.publish(events[start : start + 500], timeout=30)


async def clear(bus: Bus) -> None:
    """Take the stream away again."""
    await bus.jetstream.delete_stream(CASE.name)


async def consume(
    database: Database, bus: Bus, parts: Parts, events: int, recorder: Recorder | None
) -> float:
    """Return how long routing takes until every case is committed."""
    handler = CasesReported(CASES.name, parts, CLOCK)
    done = 0
    finished = asyncio.Event()

    async def handle(tx: Transaction, messages: Sequence[Message]) -> None:
        nonlocal done
        heard = recorder.listen(tx, len(messages)) if recorder else tx
        await handler.handle(heard, messages)

        def count() -> None:
            nonlocal done
            done += len(messages)
            if done >= events:
                finished.set()

        tx.after_commit(count)

    started = time.perf_counter()
    task = asyncio.create_task(Consumer(database, bus, CASES, handle, CLOCK).run())
    await finished.wait()
    seconds = time.perf_counter() - started
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return seconds


async def floor(database: Database, bus: Bus, recorder: Recorder) -> float:
    """Return how long the same messages and the same statements take without any thought."""
    puller = await bus.pull(CASES, batch=256)
    started = time.perf_counter()
    waiting: list[Message] = []
    for count, statements in recorder.batches:
        while len(waiting) < count:
            waiting += [message for raw in await puller.next() if (message := read(raw))]
        taken, waiting = waiting[:count], waiting[count:]
        async with database.transaction() as tx:
            await inbox.claim(tx, CASES.name, [m.message_id for m in taken], now=CLOCK.now())
            for statement, parameters in statements:
                await tx.execute(statement, parameters)
        for message in taken:
            await message.ack()
    seconds = time.perf_counter() - started
    await puller.stop()
    return seconds


async def measure(cases: int, *, profile: bool) -> None:
    """Measure and print a JSON line each."""
    snapshot = Snapshot.of(1, national_units())
    events = reports(snapshot, cases)
    # As the replica does: the directory is not walked again and again.
    gc.collect()
    gc.freeze()
    machine = describe()
    print(json.dumps({"bench": "routing_decide", **decide(snapshot, events), **machine}))
    async with servers() as (database, bare, bus):
        outbox = Outbox(CLOCK, source="songtor/routing")
        rules = Rules(POLICIES.reasons, timedelta(hours=24))
        parts = Parts(Decider(POLICIES), lambda: snapshot, outbox, rules)
        recorder = Recorder()
        await publish(bus, events)
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        cpu = time.process_time()
        seconds = await consume(database, bus, parts, cases, recorder)
        cpu = time.process_time() - cpu
        profiler.disable()
        await clear(bus)
        await publish(bus, events)
        floor_seconds = await floor(bare, bus, recorder)
    print(
        json.dumps(
            {
                "bench": "routing_consume",
                "cases": cases,
                "batches": len(recorder.batches),
                "cases_per_second": round(cases / seconds),
                "floor_cases_per_second": round(cases / floor_seconds),
                "ratio": round(floor_seconds / seconds, 2),
                "own_cpu_ms_per_case": round(1000 * cpu / cases, 3),
                **machine,
            }
        )
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    asyncio.run(measure(given.cases, profile=given.profile))


if __name__ == "__main__":
    main()
