"""The codes of Thailand's areas, read once from GeoThai."""

from __future__ import annotations

import geothai

from services.intake.domain.areas import Areas


def areas() -> Areas:
    """Return every code in force."""
    provinces = [province.code for province in geothai.provinces()]
    districts = [item.code for code in provinces for item in geothai.districts(code)]
    subdistricts = [item.code for code in districts for item in geothai.subdistricts(code)]
    return Areas(frozenset(provinces), frozenset(districts), frozenset(subdistricts))
