"""Areas as polygons: an operator's GeoJSON files, or the provinces that are shipped.

shapely is imported here and nowhere else; this module is imported when a pin is asked about.
Coordinates are laid on a flat sheet in kilometres, so that distances need no more arithmetic: over
Thailand it is within 4 % of the ground, and a polygon's edge is no better than that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from directory.model import KM_PER_DEGREE, Point
from directory.places.names import areas

EAST = KM_PER_DEGREE * cos(radians(13.0))
CODES = ("code", "ADM3_PCODE", "ADM2_PCODE", "ADM1_PCODE")
"""Properties that may hold an area's code, the finest first; COD-AB writes `TH5001`."""
Points = NDArray[Any]
Pairs = Mapping[int, list[tuple[float, str]]]
"""A point's number to (kilometres, code), the nearest first."""


class ShapesError(ValueError):
    """A file of polygons cannot be used; the message names file, feature and reason."""


@dataclass(frozen=True, slots=True)
class Level:
    """All polygons of one level: provinces, districts or sub-districts."""

    codes: tuple[str, ...]
    tree: shapely.STRtree

    @staticmethod
    def of(polygons: Mapping[str, Any]) -> Level:
        codes = tuple(sorted(polygons))
        return Level(codes, shapely.STRtree([polygons[code] for code in codes]))

    def within(self, points: Points, km: float) -> Pairs:
        """Return for each point the areas that lie within `km`; 0 is inside."""
        asked, found = self.tree.query(points, predicate="dwithin", distance=km)
        return self._measured(points, asked, found)

    def nearest(self, points: Points, km: float) -> Pairs:
        """Return for each point the nearest area that is not farther than `km`."""
        asked, found = self.tree.query_nearest(points, max_distance=km, all_matches=False)
        return self._measured(points, asked, found)

    def _measured(self, points: Points, asked: NDArray[Any], found: NDArray[Any]) -> Pairs:
        far = shapely.distance(points[asked], self.tree.geometries[found])
        pairs: dict[int, list[tuple[float, str]]] = {}
        for number, km, at in zip(asked.tolist(), far.tolist(), found.tolist(), strict=True):
            pairs.setdefault(number, []).append((km, self.codes[at]))
        for near in pairs.values():
            near.sort()
        return pairs


def on_sheet(points: Sequence[Point]) -> Points:
    """Return points (latitude, longitude) as they lie on the sheet."""
    flat = np.asarray(points, dtype=float).reshape(-1, 2)
    laid: Points = shapely.points(flat[:, 1] * EAST, flat[:, 0] * KM_PER_DEGREE)
    return laid


def shipped_provinces() -> Level:
    """Return the provinces of Natural Earth: right for 97 of 100 places, no more."""
    return Level.of(dict(_features(Path(__file__).with_name("provinces.geojson"))))


def read(folder: Path) -> list[Level]:
    """Return the levels in an operator's folder, the finest first.

    Raises `ShapesError` for a folder without polygons, and for the first feature that is none.
    """
    by_length: dict[int, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.geojson")):
        for code, polygon in _features(path):
            of_level = by_length.setdefault(len(code), {})
            if code in of_level:
                raise ShapesError(f"{path.name}: {code} stands more than once")
            of_level[code] = polygon
    if not by_length:
        raise ShapesError(f"{folder.name}: holds no *.geojson with areas")
    return [Level.of(by_length[length]) for length in sorted(by_length, reverse=True)]


def _features(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        features = document["features"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShapesError(f"{path.name}: is no GeoJSON collection ({error})") from None
    for number, feature in enumerate(features):
        yield _feature(f"{path.name}: feature {number}", feature)


def _feature(where: str, feature: Any) -> tuple[str, Any]:
    try:
        properties = feature["properties"]
        code = next(str(properties[key]) for key in CODES if properties.get(key))
        polygon = shape(feature["geometry"])
    except StopIteration:
        raise ShapesError(f"{where}: has no code in {', '.join(CODES)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise ShapesError(f"{where}: is no area ({type(error).__name__})") from None
    code = code.removeprefix("TH")
    if code not in areas():
        raise ShapesError(f"{where}: {code!r} is no area in force")
    if polygon.geom_type not in ("Polygon", "MultiPolygon") or not polygon.is_valid:
        raise ShapesError(f"{where}: {code} is not a valid polygon")
    laid = shapely.transform(polygon, lambda at: at * np.array([EAST, KM_PER_DEGREE]))
    shapely.prepare(laid)
    return code, laid
