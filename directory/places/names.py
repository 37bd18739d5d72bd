"""The codes and names of Thailand's areas, from GeoThai (CC BY 4.0)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import geothai

from directory.model import COUNTRY


@cache
def districts() -> Mapping[str, tuple[str, ...]]:
    """Return every district in force with its sub-districts, in code order."""
    return {
        district.code: tuple(item.code for item in geothai.subdistricts(district.code))
        for province in geothai.provinces()
        for district in geothai.districts(province.code)
    }


@cache
def areas() -> frozenset[str]:
    """Return every code in force, of any length, and the whole country's."""
    found = {COUNTRY}
    for district, inside in districts().items():
        found.update((district[:2], district, *inside))
    return frozenset(found)
