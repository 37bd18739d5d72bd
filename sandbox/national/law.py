"""The seeds of police, labour and justice, as s003 counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.national.areas import (
    BANGKOK,
    POLICE_REGIONS,
    District,
    Province,
    by_region,
    largest_first,
    nearest,
    outside_bangkok,
    provinces,
    share,
)
from sandbox.national.seeds import Seed, named


def police() -> Iterator[Seed]:
    """1,465: 88 metropolitan stations and 1,377 provincial ones, more where a district is large."""
    khets = provinces()[BANGKOK].districts
    second = {d.code for d in largest_first(khets)[:38]}
    for khet in khets:
        for place, name in named(khet, 2 if khet.code in second else 1):
            yield Seed(
                "police_station",
                f"สถานีตำรวจนครบาล{name.name_th}",
                f"{name.name_en} Metropolitan Police Station",
                place.code,
                (khet.code,),
            )
    shares = share(1377, {p.code: len(p.districts) for p in outside_bangkok()}, 1)
    for province in outside_bangkok():
        stations = share_out(shares[province.code], province)
        for district in province.districts:
            for place, name in named(district, stations[district.code]):
                yield Seed(
                    "police_station",
                    f"สถานีตำรวจภูธร{name.name_th}",
                    f"{name.name_en} Police Station",
                    place.code,
                    (district.code,),
                )


def share_out(total: int, province: Province) -> dict[str, int]:
    """Give each district one and the largest districts one more, round after round."""
    order = largest_first(province.districts)
    rounds, rest = divmod(total, len(order))
    return {d.code: rounds + (place < rest) for place, d in enumerate(order)}


def labour() -> Iterator[Seed]:
    """26 intake units that share out the 77 provinces, and 60 host offices that take no reports.

    86 labour protection offices (76 provinces, 10 Bangkok areas) less the 26: so a province has one
    office, of the one or the other kind.
    """
    chosen = by_region(25)
    seat = provinces()[BANGKOK].capital.subdistricts[0]
    yield Seed(
        "labour_centre", "ศูนย์รับเรื่องกระทรวงแรงงาน", "Labour Intake Centre", seat.code, (BANGKOK,)
    )
    covered = _nearest_offices(chosen)
    for _, province in chosen:
        yield Seed(
            "labour_centre",
            f"หน่วยรับเรื่องกระทรวงแรงงาน {province.name_th}",
            f"{province.name_en} Labour Intake Unit",
            province.capital.subdistricts[0].code,
            tuple(covered[province.code]),
        )
    with_intake = {province.code for _, province in chosen}
    for province in outside_bangkok():
        if province.code not in with_intake:
            yield _labour_office(
                province.name_th, province.name_en, province.capital, (province.code,)
            )
    khets = provinces()[BANGKOK].districts
    for area in range(8):
        part = khets[area * 50 // 8 : (area + 1) * 50 // 8]
        codes = tuple(d.code for d in part)
        yield _labour_office(
            f"กรุงเทพมหานครพื้นที่ {area + 1}", f"Bangkok Area {area + 1}", part[0], codes
        )


def _labour_office(
    name_th: str, name_en: str, district: District, coverage: tuple[str, ...]
) -> Seed:
    return Seed(
        "labour_office",
        f"สำนักงานสวัสดิการและคุ้มครองแรงงาน{name_th}",
        f"{name_en} Labour Protection Office",
        district.subdistricts[0].code,
        coverage,
        is_intake=False,
    )


def _nearest_offices(chosen: list[tuple[str, Province]]) -> Mapping[str, list[str]]:
    """Return each chosen province's share of its police region: those nearest to its capital."""
    covered: dict[str, list[str]] = {province.code: [] for _, province in chosen}
    for region, codes in POLICE_REGIONS.items():
        offices = {p.capital.code: p.code for r, p in chosen if r == region}
        seats = [p.capital for r, p in chosen if r == region]
        for code in codes:
            seat = nearest(provinces()[code].capital.point, seats)
            covered[offices[seat.code]].append(code)
    return covered


def justice() -> Iterator[Seed]:
    """77: one a province."""
    for province in provinces().values():
        yield Seed(
            "justice_office",
            f"สำนักงานยุติธรรมจังหวัด{province.name_th}",
            f"{province.name_en} Justice Office",
            province.capital.subdistricts[0].code,
            (province.code,),
        )
