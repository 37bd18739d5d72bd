"""How fast pins become areas: `python -m bench.registry_pins [FOLDER]`.

FOLDER holds an operator's GeoJSON files; without it the shipped provinces are measured alone. The
floor is the same look-up by shapely without an answer made of it.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.machine import describe, resident_mb
from directory.model import Point
from directory.places.locate import Locator

PINS = 100_000
SEED = 1300
ALONE = 2_000


def pins() -> list[Point]:
    """Return points all over Thailand's box: on land, at borders, at sea, abroad."""
    draw = random.Random(SEED)  # noqa: S311  a measurement, no secret
    return [(draw.uniform(5.6, 20.5), draw.uniform(97.3, 105.7)) for _ in range(PINS)]


def measured(locator: Locator, points: Sequence[Point]) -> dict[str, object]:
    """Return the times of one locator."""
    started = time.perf_counter()
    levels = locator.levels()
    loading = time.perf_counter() - started
    from directory.places.shapes import on_sheet  # noqa: PLC0415  shapely is loaded by now

    wall, cpu = time.perf_counter(), time.process_time()
    located = locator.pins(points)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    started = time.perf_counter()
    levels[0].tree.query(on_sheet(points), predicate="intersects")
    floor = time.perf_counter() - started
    alone = []
    for point in points[:ALONE]:
        began = time.perf_counter_ns()
        locator.pin(point)
        alone.append((time.perf_counter_ns() - began) / 1000)
    alone.sort()
    return {
        "load_seconds": round(loading, 2),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "floor_seconds": round(floor, 2),
        "alone_p50_us": round(alone[ALONE // 2], 1),
        "alone_p99_us": round(alone[ALONE * 99 // 100], 1),
        "qualities": dict(Counter(found.quality for found in located)),
    }


def main(arguments: Sequence[str]) -> None:
    """Measure the shipped outlines, and an operator's folder when one is named."""
    points = pins()
    result: dict[str, object] = {"bench": "registry_pins", "pins": PINS, "seed": SEED}
    result["shipped"] = measured(Locator(), points)
    if arguments:
        result["operator"] = measured(Locator(Path(arguments[0])), points)
    result |= {"process_mb": round(resident_mb(), 1), "machine": describe()}
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
