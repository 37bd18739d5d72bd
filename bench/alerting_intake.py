"""How fast alerting takes events in: `python -m bench.alerting_intake [--cases N] [--profile]`.

One line: events a second through the real handler, from an event's bytes to the commit of clocks,
deadlines and inbox in a durable PostgreSQL, in batches as the broker hands them over. Each case is
reported, offered, accepted and reached; events of a thousand cases run side by side.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID, uuid5

from bench.alerting_parts import open_alerting
from bench.machine import describe
from directory.model import Unit
from mesh import inbox
from mesh.clock import SystemClock
from mesh.instant import to_proto
from mesh.messaging import Message
from services.alerting import commands, wire
from songtor.intake.v1 import events_pb2 as intake_events
from songtor.routing.v1 import events_pb2 as routing_events
from songtor.routing.v1 import routing_pb2
from songtor.type.v1 import type_pb2

SPACE = UUID("1c0f6a52-51b7-5b51-9a5e-0a2f7c1d4e10")
BATCH = 256
SIDE_BY_SIDE = 1000
UNUSED: Any = None
"""What acknowledges: nobody does here."""
URGENCIES = (type_pb2.URGENCY_NORMAL, type_pb2.URGENCY_URGENT, type_pb2.URGENCY_CRISIS)


def story(number: int, unit: Unit, at: datetime) -> list[tuple[str, bytes]]:
    """Return the events of one case in their order."""
    case_id = uuid5(SPACE, str(number))
    urgency = URGENCIES[number % 3]
    scope = type_pb2.CaseScope(
        case_id=str(case_id),
        reference=f"SGT-{number:08}",
        province_code=unit.province,
        problem_types=["trafficking"],
        urgency=urgency,
        reported_at=to_proto(at),
    )

    def assignment(state: routing_pb2.AssignmentState.ValueType, version: int) -> bytes:
        held = routing_pb2.Assignment(
            assignment_id=str(uuid5(case_id, "assignment")),
            case_id=str(case_id),
            unit_id=unit.id,
            agency=unit.agency,
            version=version,
            state=state,
            part="lead",
            requested_at=to_proto(at),
        )
        return routing_events.AssignmentChanged(
            assignment=held, scope=scope, ministry=unit.ministry, occurred_at=to_proto(at)
        ).SerializeToString()

    reported = intake_events.CaseReported(scope=scope, report_id=str(uuid5(case_id, "report")))
    reached = routing_events.MilestoneRecorded(
        milestone=routing_pb2.Milestone(kind="reached", occurred_at=to_proto(at)), scope=scope
    )
    return [
        ("case.v1.reported.normal", reported.SerializeToString()),
        (
            "assignment.v1.requested",
            assignment(routing_pb2.ASSIGNMENT_STATE_REQUESTED, 1),
        ),
        ("assignment.v1.accepted", assignment(routing_pb2.ASSIGNMENT_STATE_ACCEPTED, 2)),
        ("milestone.v1.reached", reached.SerializeToString()),
    ]


def batches(units: Sequence[Unit], cases: int, at: datetime) -> Iterator[list[Message]]:
    """Yield what the broker would hand over."""
    waiting: list[Message] = []
    numbers = iter(zip(range(cases), cycle(units), strict=False))
    while group := list(islice(numbers, SIDE_BY_SIDE)):
        stories = [story(number, unit, at) for number, unit in group]
        for place, told in enumerate(zip(*stories, strict=True)):
            for (number, _), (subject, payload) in zip(group, told, strict=True):
                event_id = uuid5(SPACE, f"{number}|{place}")
                waiting.append(Message(event_id, subject, payload, {}, 1, UNUSED))
    for start in range(0, len(waiting), BATCH):
        yield waiting[start : start + BATCH]


async def measure(cases: int, *, profile: bool) -> None:
    """Measure and print."""
    clock = SystemClock()
    async with open_alerting(clock) as parts:
        units = [u for u in parts.snapshot.units.values() if u.unit_type == "police_station"]
        work = list(batches(units, cases, clock.now() - timedelta(seconds=1)))
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        cpu, started = time.process_time(), time.perf_counter()
        for batch in work:
            async with parts.database.transaction() as tx:
                await inbox.claim(tx, "bench", [m.message_id for m in batch], now=clock.now())
                told = [h for m in batch if (h := wire.happening_of(m)) is not None]
                await commands.take_in(tx, parts.engine, told, now=clock.now())
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        profiler.disable()
    events = sum(len(batch) for batch in work)
    print(
        json.dumps(
            {
                "bench": "alerting_intake",
                "events": events,
                "cases": cases,
                "batch": BATCH,
                "events_per_second": round(events / seconds),
                "own_cpu_ms_per_event": round(1000 * cpu / events, 3),
                **describe(),
            }
        )
    )
    if profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6_000)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    asyncio.run(measure(given.cases, profile=given.profile))


if __name__ == "__main__":
    main()
