"""From a pin, words or a code to areas, with what is uncertain said, so that a person can correct.

A pin near a border gets every province that is near, the nearest first: it is asked first, and
jurisdiction is decided after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from directory.model import Place, Point, distance_km
from directory.places import named
from directory.places.names import areas
from directory.places.seats import seats

if TYPE_CHECKING:
    from directory.places.shapes import Level

INSIDE, BORDER, APPROXIMATE = "inside", "border", "approximate"
OFFSHORE, ABROAD = "offshore", "abroad"
MATCH, AMBIGUOUS, UNKNOWN = "match", "ambiguous", "unknown"
BORDER_KM, ROUGH_BORDER_KM = 2.0, 5.0
"""How near another province must be to be named: the shipped outlines are rougher."""
OFFSHORE_KM = 25.0
"""Territorial waters are twelve nautical miles; farther out, or inland beyond it, is abroad."""


@dataclass(frozen=True, slots=True)
class Found:
    """One area that may be meant."""

    code: str
    distance_km: float = 0.0
    """From the pin to the area; 0 inside."""
    approximate: bool = False
    """A guess: the district is the one whose seat is nearest, or the pin lies outside."""


@dataclass(frozen=True, slots=True)
class Located:
    """What was found, the nearest or likeliest first."""

    quality: str
    found: tuple[Found, ...] = ()

    @property
    def code(self) -> str:
        """Return the first area's code, or nothing when nobody can say."""
        return self.found[0].code if self.found else ""

    def place(self, point: Point | None = None) -> Place:
        """Return the first area as a place; without one the pin alone."""
        return replace(Place.of(self.code), point=point)


class Locator:
    """Finds areas; polygons are read when the first pin is asked about."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` holds an operator's GeoJSON files; without it the shipped provinces serve."""
        self._folder = folder
        self._levels: list[Level] | None = None

    def pins(self, points: Sequence[Point]) -> list[Located]:
        """Locate many pins at once; 100,000 take a second or two."""
        from directory.places.shapes import on_sheet  # noqa: PLC0415  loaded where used

        answers = [Located(ABROAD)] * len(points)
        if not points:
            return answers
        laid = on_sheet(points)
        open_numbers = range(len(points))
        for level in self.levels():
            numbers = list(open_numbers)
            near = level.within(laid[numbers], self._border_km)
            for at, hits in near.items():
                answers[numbers[at]] = self._near(points[numbers[at]], hits)
            open_numbers = [n for at, n in enumerate(numbers) if at not in near]  # type: ignore[assignment]
            if not open_numbers:
                return answers
        numbers = list(open_numbers)
        for at, hits in self.levels()[-1].nearest(laid[numbers], OFFSHORE_KM).items():
            km, code = hits[0]
            point = points[numbers[at]]
            answers[numbers[at]] = Located(OFFSHORE, (self._guess(point, code[:2], km),))
        return answers

    def pin(self, point: Point) -> Located:
        """Locate one pin."""
        return self.pins([point])[0]

    def words(self, text: str) -> Located:
        """Locate an address as somebody wrote it, in Thai or English."""
        codes = named.candidates(text)
        if not codes:
            return Located(UNKNOWN)
        quality = MATCH if len(codes) == 1 else AMBIGUOUS
        return Located(quality, tuple(Found(code) for code in codes))

    def code(self, code: str) -> Located:
        """Return the area of a code, if there is one."""
        return Located(MATCH, (Found(code),)) if code in areas() else Located(UNKNOWN)

    def levels(self) -> list[Level]:
        """Return the polygons, the finest level first; raises `ShapesError` for a broken file."""
        if self._levels is None:
            from directory.places import shapes  # noqa: PLC0415  loaded where used

            read = shapes.read(self._folder) if self._folder else [shapes.shipped_provinces()]
            self._levels = read
        return self._levels

    @property
    def _border_km(self) -> float:
        return BORDER_KM if self._folder else ROUGH_BORDER_KM

    def _near(self, point: Point, hits: Sequence[tuple[float, str]]) -> Located:
        """Return what lies within the border's width: of each province the nearest area."""
        nearest: dict[str, tuple[float, str]] = {}
        for km, code in hits:
            nearest.setdefault(code[:2], (km, code))
        found = [
            Found(code, km) if len(code) > 2 else self._guess(point, code, km)
            for km, code in nearest.values()
        ]
        if len(found) > 1:
            return Located(BORDER, tuple(found))
        if found[0].approximate:
            return Located(APPROXIMATE, tuple(found))
        quality = INSIDE if found[0].distance_km == 0 else OFFSHORE
        return Located(quality, (replace(found[0], approximate=quality == OFFSHORE),))

    def _guess(self, point: Point, province: str, km: float) -> Found:
        """Return the district of the province whose seat is nearest."""
        of_province = _seats_by_province()[province]
        district = min(of_province, key=lambda seat: (distance_km(point, seat[1]), seat[0]))[0]
        return Found(district, km, approximate=True)


@cache
def _seats_by_province() -> dict[str, list[tuple[str, Point]]]:
    found: dict[str, list[tuple[str, Point]]] = {}
    for district, seat in seats().items():
        found.setdefault(district[:2], []).append((district, seat))
    return found
