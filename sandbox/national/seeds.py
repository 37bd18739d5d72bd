"""Which units exist and where: health, interior, Bangkok, education, Pattaya, as s003 counts them.

A seed says what is particular to a unit; `registry` adds what follows from its kind and its place.
`law` and `welfare` hold the other bodies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.national.areas import (
    BANGKOK,
    District,
    Province,
    Subdistrict,
    by_region,
    largest_first,
    nearest,
    outside_bangkok,
    provinces,
    share,
)

COUNTRY = ("TH",)
PROVINCIAL_ADMINISTRATION = "provincial_administration"


@dataclass(frozen=True, slots=True)
class Seed:
    """One unit before it has an id."""

    unit_type: str
    name_th: str
    name_en: str
    subdistrict: str
    coverage: tuple[str, ...]
    affiliation: str = ""
    """Who owns it, when that is not its own ministry."""
    is_intake: bool = True
    tier: str = ""
    ministry: str = ""
    """Of a ministry's desk."""
    second_line: bool = False
    """Front line 2 besides what its kind does."""


def named(district: District, count: int) -> Iterator[tuple[Subdistrict, District | Subdistrict]]:
    """Yield where each of `count` units stands and whose name it bears: the district's first."""
    for number in range(count):
        place = district.subdistricts[number % district.size]
        yield place, (district if number == 0 else place)


def health() -> Iterator[Seed]:
    """10,579: a hospital in all but the 49 smallest of 878 districts, and 9,750 health units.

    Many health units moved to their provincial administration (4,276 of 9,872 by 2024): the same
    share did here, the first ones of each province.
    """
    districts = [d for p in outside_bangkok() for d in p.districts]
    with_hospital = {d.code for d in largest_first(districts)[:829]}
    second = share(2494, {p.code: p.size for p in outside_bangkok()})
    moved = share(4223, {p.code: p.size for p in outside_bangkok()})
    for province in outside_bangkok():
        yield from _hospitals(province, with_hospital)
        places = province.subdistricts
        twice = [*places, *places[: second[province.code]]]
        for number, place in enumerate(twice):
            another = " แห่งที่ 2" if number >= len(places) else ""
            yield Seed(
                "subdistrict_health",
                f"รพ.สต.{place.name_th}{another}",
                f"{place.name_en} Health Unit{' 2' if another else ''}",
                place.code,
                (place.code,),
                affiliation=PROVINCIAL_ADMINISTRATION if number < moved[province.code] else "",
            )


def _hospitals(province: Province, with_hospital: set[str]) -> Iterator[Seed]:
    """Yield a province's hospitals; the nearest one answers for a district that has none."""
    own = [d for d in province.districts if d.code in with_hospital]
    served: dict[str, list[str]] = {d.code: [d.code] for d in own}
    for district in province.districts:
        if district.code not in with_hospital:
            served[nearest(district.point, own).code].append(district.code)
    for district in own:
        is_capital = district.code == province.capital.code
        bearer: District | Province = province if is_capital else district
        yield Seed(
            "hospital",
            f"โรงพยาบาล{bearer.name_th}",
            f"{bearer.name_en} Hospital",
            district.subdistricts[0].code,
            tuple(served[district.code]),
        )


def interior() -> Iterator[Seed]:
    """8,729: 878 districts, 76 provincial administrations, 2,441 municipalities, 5,334 others."""
    every = [d for p in outside_bangkok() for d in p.districts]
    with_town = {d.code for d in largest_first(every)[:519]}
    more_municipalities = share(2441 - 519 - 878, {p.code: p.size for p in outside_bangkok()})
    for province in outside_bangkok():
        yield Seed(
            PROVINCIAL_ADMINISTRATION,
            f"องค์การบริหารส่วนจังหวัด{province.name_th}",
            f"{province.name_en} Provincial Administrative Organization",
            province.capital.subdistricts[0].code,
            (province.code,),
        )
        more = more_municipalities[province.code]
        for district in province.districts:
            seat = district.subdistricts[0]
            yield Seed(
                "district_office",
                f"ที่ว่าการอำเภอ{district.name_th}",
                f"{district.name_en} District Office",
                seat.code,
                (district.code,),
            )
            if district.code in with_town:
                yield _local_body("เทศบาลเมือง", "Town", district, seat)
            yield _local_body("เทศบาลตำบล", "Municipality", seat, seat)
            for place in district.subdistricts[1:]:
                if more > 0:
                    more -= 1
                    yield _local_body("เทศบาลตำบล", "Municipality", place, place)
                else:
                    yield _local_body("อบต.", "Administration", place, place)


def _local_body(
    prefix: str, suffix: str, bearer: District | Subdistrict, place: Subdistrict
) -> Seed:
    is_municipality = prefix.startswith("เทศบาล")
    return Seed(
        "municipality" if is_municipality else "subdistrict_administration",
        f"{prefix}{bearer.name_th}",
        f"{bearer.name_en} {suffix}"
        if is_municipality
        else f"{bearer.name_en} Subdistrict {suffix}",
        place.code,
        (place.code,),
    )


def bangkok() -> Iterator[Seed]:
    """127: 50 district offices, 68 health centres, 9 hospitals."""
    khets = provinces()[BANGKOK].districts
    centres = share(68, {d.code: d.size for d in khets}, 1)
    with_hospital = {d.code for d in largest_first(khets)[:9]}
    for khet in khets:
        seat = khet.subdistricts[0]
        yield Seed(
            "bangkok_district_office",
            f"สำนักงานเขต{khet.name_th}",
            f"{khet.name_en} District Office",
            seat.code,
            (khet.code,),
        )
        for place, name in named(khet, centres[khet.code]):
            yield Seed(
                "bangkok_health_centre",
                f"ศูนย์บริการสาธารณสุข{name.name_th}",
                f"{name.name_en} Public Health Centre",
                place.code,
                (khet.code,),
            )
        if khet.code in with_hospital:
            yield Seed(
                "bangkok_hospital",
                f"โรงพยาบาลกรุงเทพมหานคร {khet.name_th}",
                f"{khet.name_en} Bangkok Hospital",
                seat.code,
                (BANGKOK,),
            )


def education() -> Iterator[Seed]:
    """225: 183 primary and 42 secondary education areas."""
    shares = share(182, {p.code: len(p.districts) for p in outside_bangkok()}, 1) | {BANGKOK: 1}
    for code, province in provinces().items():
        order = largest_first(province.districts)[: shares[code]]
        for number, district in enumerate(order, start=1):
            yield Seed(
                "primary_education_area",
                f"สำนักงานเขตพื้นที่การศึกษาประถมศึกษา{province.name_th} เขต {number}",
                f"{province.name_en} Primary Education Area {number}",
                district.subdistricts[0].code,
                (code,),
            )
    seats = [province for _, province in by_region(42)]
    for number, province in enumerate(seats):
        before = seats[:number].count(province)
        mark = f" {before + 1}" if before else ""
        yield Seed(
            "secondary_education_area",
            f"สำนักงานเขตพื้นที่การศึกษามัธยมศึกษา{province.name_th}{mark}",
            f"{province.name_en} Secondary Education Area{mark}",
            province.capital.subdistricts[0].code,
            (province.code,),
        )


def pattaya() -> Iterator[Seed]:
    """1: the city's desk, in Bang Lamung."""
    yield Seed("pattaya_desk", "ศูนย์ช่วยเหลือสังคมเมืองพัทยา", "Pattaya City Desk", "200401", ("2004",))
