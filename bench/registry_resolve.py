"""How fast the directory answers: `python -m bench.registry_resolve`.

The floor is the same answer without an index: every unit is looked at for each question. Questions
are the districts in code order times problems, urgencies and two instants: no chance is involved.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle, islice, product
from pathlib import Path

from bench.machine import describe, resident_mb
from directory.decide import Decider, Question
from directory.model import Place, Snapshot, Unit, digest_of, distance_km
from directory.wire import unit_from, unit_to
from policies.model import Policies, Target
from policies.reader import load
from policies.rules import Facts, route
from sandbox.national import national_units
from songtor.registry.v1 import registry_pb2

QUESTIONS = 20_000
BATCH = 500
INSTANTS = (datetime(2026, 4, 20, 5, 0, tzinfo=UTC), datetime(2026, 4, 13, 15, 0, tzinfo=UTC))


def questions(policies: Policies, units: Sequence[Unit]) -> Iterator[Question]:
    """Yield questions for ever: all over the country, of every kind, by day and on a holiday."""
    districts = sorted({unit.district for unit in units})
    kinds = product(policies.problem_types, policies.vocabulary.urgencies, INSTANTS)
    for district, (problem, urgency, at) in zip(cycle(districts), cycle(kinds)):
        yield Question(Place.of(district), problem, urgency, at)


def singles(decider: Decider, snapshot: Snapshot, asked: Sequence[Question]) -> list[float]:
    """Return how long each question took by itself, in microseconds, the shortest first."""
    taken = []
    for question in asked:
        started = time.perf_counter_ns()
        decider.decide(snapshot, question)
        taken.append((time.perf_counter_ns() - started) / 1000)
    return sorted(taken)


def batches(decider: Decider, snapshot: Snapshot, asked: Sequence[Question]) -> list[float]:
    """Return how long each batch took, in milliseconds, the shortest first."""
    taken = []
    for start in range(0, len(asked), BATCH):
        started = time.perf_counter_ns()
        for question in asked[start : start + BATCH]:
            decider.decide(snapshot, question)
        taken.append((time.perf_counter_ns() - started) / 1e6)
    return sorted(taken)


def by_looking_at_all(
    policies: Policies, snapshot: Snapshot, question: Question
) -> list[tuple[float, str]]:
    """Answer as a program without an index would: no reasons, no order but distance."""
    place = question.place
    facts = Facts(question.problem_type, question.urgency, "", place.province, True)
    centre = snapshot.centre_of(place) or (0.0, 0.0)
    found: list[tuple[float, str]] = []
    for target in route(policies, facts).targets:
        found += [
            (distance_km(centre, unit.point), unit.id)
            for unit in snapshot.units.values()
            if _fits(unit, target, question) and not set(place.areas).isdisjoint(unit.coverage)
        ]
    return sorted(found)


def _fits(unit: Unit, target: Target, question: Question) -> bool:
    return (
        unit.agency == target.agency
        and target.role in unit.roles
        and question.problem_type in unit.problem_types
        and (not target.unit_types or unit.unit_type in target.unit_types)
    )


def load_in_a_fresh_process(units: Sequence[Unit]) -> dict[str, float]:
    """Return how long a replica takes from bytes to index, and what it then holds in memory."""
    with tempfile.NamedTemporaryFile() as file:
        message = registry_pb2.GetSnapshotResponse(units=map(unit_to, units))
        file.write(message.SerializeToString())
        file.flush()
        command = [sys.executable, "-m", "bench.registry_resolve", "--load", file.name]
        done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603 our own
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _load(path: Path) -> dict[str, float]:
    data = path.read_bytes()
    before = resident_mb()
    started = time.perf_counter()
    received = registry_pb2.GetSnapshotResponse.FromString(data)
    units = [unit_from(unit) for unit in received.units]
    snapshot = Snapshot.of(1, units, digest=digest_of(units))
    seconds = time.perf_counter() - started
    del data, received, units
    gc.collect()
    return {
        "load_seconds": round(seconds, 3),
        "snapshot_mb": round(resident_mb() - before, 1),
        "process_mb": round(resident_mb(), 1),
        "units": len(snapshot.units),
    }


def measure() -> dict[str, object]:
    """Return everything, as one line will show it."""
    policies, units = load(), national_units()
    snapshot, decider = Snapshot.of(1, units), Decider(policies)
    asked = list(islice(questions(policies, units), QUESTIONS))
    alone = singles(decider, snapshot, asked)
    together = batches(decider, snapshot, asked)
    started = time.perf_counter()
    for question in asked[:BATCH:10]:
        by_looking_at_all(policies, snapshot, question)
    floor = (time.perf_counter() - started) / len(asked[:BATCH:10]) * 1e6
    return {
        "bench": "registry_resolve",
        "questions": len(asked),
        "p50_us": round(alone[len(alone) // 2], 1),
        "p99_us": round(alone[len(alone) * 99 // 100], 1),
        "max_us": round(alone[-1], 1),
        "batch_of_500_median_ms": round(together[len(together) // 2], 2),
        "batch_of_500_worst_ms": round(together[-1], 2),
        "floor_us": round(floor, 1),
        "times_faster_than_floor": round(floor / (sum(alone) / len(alone)), 1),
        **load_in_a_fresh_process(units),
        "seed": None,
        "machine": describe(),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure, or be the fresh process that only loads."""
    result = _load(Path(arguments[1])) if arguments[:1] == ["--load"] else measure()
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
