"""From seeds to units: ids, contacts, points, chain of command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain
from math import isqrt

from directory.model import Point, Unit
from sandbox.national import law, seeds, welfare
from sandbox.national.areas import provinces
from sandbox.national.kinds import AGENCIES, FL2, KINDS, MANAGER, languages_of
from sandbox.national.seeds import PROVINCIAL_ADMINISTRATION, Seed

RING = 400
"""How far the second unit of a district stands from the first, in hundred-thousandths of a degree:
about 400 m."""
UNIT_LENGTH = 10**12
GOLDEN_TURN = -737_368_878_078, 675_490_294_262
"""Cosine and sine of the golden angle, as whole numbers of `1 / UNIT_LENGTH`."""


@cache
def national_units() -> tuple[Unit, ...]:
    """Return every unit of the sandbox's Thailand, in the order of their ids."""
    units = list(_placed(_every_seed()))
    units = [replace(unit, parent=parent) for unit, parent in _commanded(units)]
    return tuple(sorted(units, key=lambda u: u.id))


def _every_seed() -> Iterator[Seed]:
    return chain(
        welfare.msdhs(),
        seeds.health(),
        law.police(),
        law.labour(),
        seeds.interior(),
        seeds.education(),
        law.justice(),
        seeds.bangkok(),
        seeds.pattaya(),
        welfare.response_teams(),
        welfare.partners(),
        welfare.desks(),
    )


def _placed(every: Iterator[Seed]) -> Iterator[Unit]:
    """Give each seed its id, its numbers and its own spot, all by counting."""
    in_district: Counter[str] = Counter()
    of_agency: Counter[tuple[str, str]] = Counter()
    numbered: Counter[str] = Counter()
    districts = {d.code: d for p in provinces().values() for d in p.districts}
    for number, seed in enumerate(every, start=1):
        kind = KINDS[seed.unit_type]
        agency = seed.ministry or kind.agency
        facts = AGENCIES[agency]
        token = "DESK" if seed.tier else facts.token
        district = seed.subdistrict[:4]
        of_agency[token, district] += 1
        numbered[facts.external_id] += 1
        unit_id = f"TH-{token}-{district}-{of_agency[token, district]:03}"
        latitude, longitude = _spot(districts[district].point, in_district[district])
        in_district[district] += 1
        yield Unit(
            id=unit_id,
            external_ids=_external_ids(seed, facts.external_id, numbered[facts.external_id]),
            name_th=seed.name_th,
            name_en=seed.name_en,
            agency=agency,
            ministry=facts.ministry,
            affiliation=seed.affiliation or facts.ministry,
            unit_type=seed.unit_type,
            roles=(*kind.roles, FL2, MANAGER) if seed.second_line else kind.roles,
            problem_types=kind.problems,
            languages=languages_of(seed.unit_type, district[:2]),
            province=district[:2],
            district=district,
            subdistrict=seed.subdistrict,
            latitude=latitude,
            longitude=longitude,
            coverage=seed.coverage,
            hours=kind.hours,
            email=_email(seed, unit_id),
            phone=f"000-00{number // 10_000}-{number % 10_000:04}",
            parent="",
            is_intake=seed.is_intake,
            adapter="" if seed.tier else facts.adapter,
            tier=seed.tier,
            suspended=False,
            synthetic=True,
        )


def _spot(centre: Point, number: int) -> Point:
    """Return the `number`-th spot of a sunflower around the district's point."""
    north, east = _directions()[number]
    radius = isqrt(number * RING * RING)
    latitude = round(centre[0] * 100_000) + radius * north // UNIT_LENGTH
    longitude = round(centre[1] * 100_000) + radius * east // UNIT_LENGTH
    return latitude / 100_000, longitude / 100_000


@cache
def _directions() -> tuple[tuple[int, int], ...]:
    """Return directions a golden angle apart, in whole numbers: every machine rounds alike."""
    cosine, sine = GOLDEN_TURN
    found = [(UNIT_LENGTH, 0)]
    for _ in range(999):  # an id has three digits for the units of a district
        x, y = found[-1]
        found.append(
            ((x * cosine - y * sine) // UNIT_LENGTH, (x * sine + y * cosine) // UNIT_LENGTH)
        )
    return tuple(found)


def _external_ids(seed: Seed, system: str, number: int) -> tuple[tuple[str, str], ...]:
    """Number the unit in its agency's own system, in ranges that no real unit has."""
    found = {}
    if system and not seed.tier:
        # Nine characters with letters: a valid form since 2024, and no hospital's code.
        found[system] = f"ZT{number:07}"
    if seed.unit_type == "district_office":
        found["dopa"] = seed.subdistrict[:4]
    if seed.unit_type == "pattaya_desk":
        found["iso3166-2"] = "TH-S"
    return tuple(sorted(found.items()))


def _email(seed: Seed, unit_id: str) -> str:
    match seed.tier:
        case "central":
            return "central@desk.example"
        case "ministry":
            return f"{seed.ministry.replace('_', '-')}@desk.example"
        case "province":
            return f"province-{seed.subdistrict[:2]}@desk.example"
        case _:
            return f"{unit_id.lower()}@unit.example"


def _commanded(units: list[Unit]) -> Iterator[tuple[Unit, str]]:
    """Yield each unit with its parent: sub-district, district, province, ministry or centre."""
    desks = {
        (u.tier, u.province if u.tier == "province" else u.ministry): u.id for u in units if u.tier
    }
    central = next(u.id for u in units if u.tier == "central")
    over: dict[tuple[str, str], str] = {}
    for unit in units:
        for area in unit.coverage:
            over.setdefault((unit.unit_type, area), unit.id)
    for unit in units:
        own_province = desks["province", unit.province]
        match unit.unit_type:
            case "central_desk":
                parent = ""
            case "province_desk" | "ministry_desk":
                parent = central
            case "subdistrict_health" if unit.affiliation == PROVINCIAL_ADMINISTRATION:
                parent = over[PROVINCIAL_ADMINISTRATION, unit.province]
            case "subdistrict_health":
                parent = over["hospital", unit.district]
            case "municipality" | "subdistrict_administration":
                parent = over["district_office", unit.district]
            case "bangkok_health_centre" | "bangkok_hospital":
                parent = over["bangkok_district_office", unit.district]
            case "labour_centre" | "hotline_centre":
                parent = desks["ministry", unit.ministry]
            case _:
                parent = own_province
        yield unit, parent
