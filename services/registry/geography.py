"""The codes of Thailand's areas, read once from GeoThai."""

from __future__ import annotations

import geothai

from directory.model import COUNTRY


def areas() -> frozenset[str]:
    """Return every code in force, of any length, and the whole country's."""
    found = {COUNTRY}
    for province in geothai.provinces():
        found.add(province.code)
        for district in geothai.districts(province.code):
            found.add(district.code)
            found.update(item.code for item in geothai.subdistricts(district.code))
    return frozenset(found)
