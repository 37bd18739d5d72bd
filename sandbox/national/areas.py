"""Thailand as the generator sees it: areas in code order, where each district stands, fair shares.

Codes and names are GeoThai's (CC BY 4.0), points are GeoNames' (CC BY 4.0): see NOTICE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import geothai

from directory.model import Point, distance_km
from directory.places.seats import seats

BANGKOK = "10"
POLICE_REGIONS: Mapping[str, tuple[str, ...]] = {
    "1": ("11", "12", "13", "14", "15", "16", "17", "18", "19"),
    "2": ("20", "21", "22", "23", "24", "25", "26", "27"),
    "3": ("30", "31", "32", "33", "34", "35", "36", "37"),
    "4": ("38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48", "49"),
    "5": ("50", "51", "52", "54", "55", "56", "57", "58"),
    "6": ("53", "60", "61", "62", "63", "64", "65", "66", "67"),
    "7": ("70", "71", "72", "73", "74", "75", "76", "77"),
    "8": ("80", "81", "82", "83", "84", "85", "86"),
    "9": ("90", "91", "92", "93", "94", "95", "96"),
    "metropolitan": (BANGKOK,),
}
"""A partition of the 77 provinces; region 6 is s004's, region 1 verified, the others general."""


@dataclass(frozen=True, slots=True)
class Subdistrict:
    code: str
    name_th: str
    name_en: str


@dataclass(frozen=True, slots=True)
class District:
    code: str
    name_th: str
    """Without เขต."""
    name_en: str
    subdistricts: tuple[Subdistrict, ...]
    point: Point

    @property
    def size(self) -> int:
        return len(self.subdistricts)


@dataclass(frozen=True, slots=True)
class Province:
    code: str
    name_th: str
    name_en: str
    districts: tuple[District, ...]

    @property
    def size(self) -> int:
        """Return how many sub-districts it has: the weight by which units are shared out."""
        return sum(district.size for district in self.districts)

    @property
    def capital(self) -> District:
        return self.districts[0]

    @property
    def subdistricts(self) -> tuple[Subdistrict, ...]:
        return tuple(s for district in self.districts for s in district.subdistricts)


@cache
def provinces() -> Mapping[str, Province]:
    """Return all 77 provinces by code, in code order."""
    points = seats()
    return {
        p.code: Province(
            p.code,
            p.name_th,
            p.name_en,
            tuple(
                District(
                    d.code,
                    d.name_th.removeprefix("เขต"),
                    d.name_en,
                    tuple(
                        Subdistrict(s.code, s.name_th, s.name_en)
                        for s in geothai.subdistricts(d.code)
                    ),
                    points[d.code],
                )
                for d in geothai.districts(p.code)
            ),
        )
        for p in geothai.provinces()
    }


def outside_bangkok() -> tuple[Province, ...]:
    """Return the 76 provinces that have a provincial administration."""
    return tuple(p for p in provinces().values() if p.code != BANGKOK)


def largest_first(districts: Sequence[District]) -> list[District]:
    """Order by number of sub-districts, the largest first, ties by code."""
    return sorted(districts, key=lambda d: (-d.size, d.code))


def nearest(point: Point, districts: Sequence[District]) -> District:
    """Return the district that stands nearest, ties by code."""
    return min(districts, key=lambda d: (distance_km(point, d.point), d.code))


def share(total: int, weights: Mapping[str, int], minimum: int = 0) -> dict[str, int]:
    """Share `total` by weight in whole units (largest remainder, ties by key), none below minimum.

    Integers all the way: the result is the same on every machine.
    """
    rest = total - minimum * len(weights)
    if rest < 0:
        raise ValueError(f"{total} cannot give {len(weights)} keys {minimum} each")
    whole = sum(weights.values())
    shares = {key: rest * weight // whole for key, weight in sorted(weights.items())}
    by_remainder = sorted(shares, key=lambda key: (-(rest * weights[key] % whole), key))
    for key in by_remainder[: rest - sum(shares.values())]:
        shares[key] += 1
    return {key: minimum + got for key, got in shares.items()}


def by_region(total: int) -> list[tuple[str, Province]]:
    """Choose `total` seats, at least one a police region, the largest provinces of each first."""
    counts = share(total, {region: len(codes) for region, codes in POLICE_REGIONS.items()}, 1)
    chosen = []
    for region, codes in POLICE_REGIONS.items():
        order = sorted((provinces()[c] for c in codes), key=lambda p: (-p.size, p.code))
        chosen += [(region, order[n % len(order)]) for n in range(counts[region])]
    return chosen
