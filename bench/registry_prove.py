"""How long the coverage proof takes: `python -m bench.registry_prove`.

Once with sets of areas alone, as a release is held to it, and once with the resolver asked again
for one place of every kind, as `songtor registry prove` does. The floor is the resolver asked for
every sub-district by itself, taken from a part of the questions and laid out over all of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.machine import describe, resident_mb
from directory.decide import OFFICE_HOURS, Decider, Question
from directory.model import Place, Snapshot
from directory.places.names import districts
from directory.proof.asked import ROUTING, Asked, every_question
from directory.proof.classes import hour_classes
from directory.proof.proving import Proof, prove
from policies.reader import load
from sandbox.national import national_units

AT = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLE = 20
"""Every twentieth sub-district of one question of each rule is asked for the floor."""


def floor_seconds(decider: Decider, snapshot: Snapshot, answers: int) -> float:
    """Return how long asking the resolver for each answer by itself would take."""
    classes = hour_classes(decider.policies, OFFICE_HOURS, AT)
    by_rule = {a.by: a for a in every_question(decider.policies, classes) if a.kind == ROUTING}
    places = [code for inside in districts().values() for code in inside][::SAMPLE]
    started = time.perf_counter()
    asked = sum(_ask(decider, snapshot, question, places) for question in by_rule.values())
    return (time.perf_counter() - started) / asked * answers


def _ask(decider: Decider, snapshot: Snapshot, asked: Asked, places: Sequence[str]) -> int:
    for code in places:
        question = Question(
            Place.of(code),
            asked.problem_type,
            asked.urgency,
            asked.hours.at,
            asked.ess_cause or None,
        )
        decider.decide(snapshot, question)
    return len(places)


def measure() -> dict[str, object]:
    """Return everything, as one line will show it."""
    decider, snapshot = Decider(load()), Snapshot.of(1, national_units())
    districts()

    def timed(*, again: bool) -> tuple[Proof, float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        proof = prove(snapshot, decider, districts(), AT, again=again)
        return proof, time.perf_counter() - wall, time.process_time() - cpu

    _, gate, gate_cpu = timed(again=False)
    proof, whole, whole_cpu = timed(again=True)
    return {
        "bench": "registry_prove",
        "subdistricts": proof.subdistricts,
        "answers": proof.answered,
        "resolver_asked": proof.asked_again,
        "findings": len(proof.findings),
        "gate_seconds": round(gate, 2),
        "gate_cpu_seconds": round(gate_cpu, 2),
        "whole_seconds": round(whole, 2),
        "whole_cpu_seconds": round(whole_cpu, 2),
        "floor_seconds": round(floor_seconds(decider, snapshot, proof.answered), 1),
        "process_mb": round(resident_mb(), 1),
        "seed": None,
        "machine": describe(),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
