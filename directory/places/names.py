"""The codes and names of Thailand's areas, from GeoThai (CC BY 4.0)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

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


class Name(NamedTuple):
    th: str
    en: str


def full_name(code: str) -> tuple[Name, ...]:
    """Return the names of an area and of those that hold it, the smallest first."""
    codes = (code[:length] for length in (6, 4, 2) if length <= len(code))
    return tuple(map(_name, codes))


def post_codes(code: str) -> tuple[str, ...]:
    """Return the post codes of a sub-district; nothing for a wider area."""
    item = geothai.subdistrict(code) if len(code) == 6 else None
    return tuple(item.postal_codes) if item else ()


@cache
def _name(code: str) -> Name:
    find = {2: geothai.province, 4: geothai.district, 6: geothai.subdistrict}[len(code)]
    area = find(code)
    return Name(area.name_th, area.name_en) if area else Name(code, code)
