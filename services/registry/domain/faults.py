"""Everything that is wrong with a directory, each fault with the unit and the field it is in."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from directory.dated import MANDATES, Mandate, is_turned, overlapping
from directory.model import Unit, desk_key, distance_km
from directory.places.seats import seats
from mesh.errors import FieldViolation
from policies.model import Policies

TIERS = ("", "central", "ministry", "province")
UNIT_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
PHONE = re.compile(r"[+0-9][0-9 ()/,-]{2,31}|[0-9]{3,4}")
EMAIL = re.compile(r"[^@\s<>]{1,64}@[A-Za-z0-9.-]{3,135}")
NUMBERS = {
    "hcode5": re.compile(r"[0-9A-Z]{5}"),
    "hcode9": re.compile(r"[0-9A-Z]{9}"),
    "dopa": re.compile(r"[0-9]{2}([0-9]{2}){0,2}"),
}
FAR_KM = 120.0
"""The widest district of Thailand is narrower."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes that a directory may use."""

    policies: Policies
    areas: Container[str]
    allow_synthetic: bool
    """Made-up units belong in a sandbox only."""


def faults(units: Sequence[Unit], codes: Codes) -> Iterator[FieldViolation]:
    """Yield every fault of the directory, unit by unit, then those of the whole."""
    ids = Counter(unit.id for unit in units)
    for unit in units:
        if ids[unit.id] > 1:
            yield _fault(unit, "unit_id", "DUPLICATE_ID", "stands more than once")
        if unit.parent and unit.parent not in ids:
            yield _fault(unit, "parent_id", "UNKNOWN_UNIT", f"{unit.parent!r} is no unit")
        if unit.synthetic and not codes.allow_synthetic:
            yield _fault(unit, "synthetic", "SYNTHETIC", "a made-up unit has no place here")
        yield from _shape(unit)
        yield from _dated(unit, codes)
        if not _nested(unit):
            yield _fault(unit, "place", "NOT_NESTED", "its areas do not lie in each other")
        yield from _unknown_codes(unit, codes)
    yield from _shared_numbers(units)
    yield from _endless_commands({unit.id: unit for unit in units})
    yield from _desks(units)


def _fault(unit: Unit, field: str, reason: str, text: str) -> FieldViolation:
    return FieldViolation(f"{unit.id}.{field}", reason, text)


def _shape(unit: Unit) -> Iterator[FieldViolation]:
    """Yield values that are not what they are called; an HCODE may hold letters since 2024."""
    if not UNIT_ID.fullmatch(unit.id):
        yield _fault(unit, "unit_id", "WRONG_FORM", f"is not of the form {UNIT_ID.pattern}")
    if unit.phone and not PHONE.fullmatch(unit.phone):
        yield _fault(unit, "phone", "NOT_A_PHONE", "holds something that nobody can dial")
    if unit.email and not EMAIL.fullmatch(unit.email):
        yield _fault(unit, "email", "NOT_AN_EMAIL", "is no e-mail address")
    for system, number in unit.external_ids:
        form = NUMBERS.get(system)
        if form is not None and not form.fullmatch(number):
            text = f"{system} is not of the form {form.pattern}"
            yield _fault(unit, "external_ids", "WRONG_FORM", text)
    if not (isfinite(unit.latitude) and isfinite(unit.longitude)):
        yield _fault(unit, "place.point", "NOT_A_POINT", "stands nowhere")
    elif (seat := seats().get(unit.district)) and distance_km(seat, unit.point) > FAR_KM:
        text = f"stands more than {FAR_KM:.0f} km from its district's seat: outside its province?"
        yield _fault(unit, "place.point", "OUTSIDE_PROVINCE", text)


def _dated(unit: Unit, codes: Codes) -> Iterator[FieldViolation]:
    if is_turned(unit.valid_from, unit.valid_until):
        yield _fault(unit, "valid_until", "TURNED_PERIOD", "ends before it begins")
    for earlier, later in overlapping(unit.affiliations):
        text = f"{later.owner} begins before {earlier.owner} has ended"
        yield _fault(unit, "affiliations", "OVERLAPPING_PERIODS", text)
    for affiliation in unit.affiliations:
        if is_turned(affiliation.since, affiliation.until):
            text = f"{affiliation.owner} ends before it begins"
            yield _fault(unit, "affiliations", "TURNED_PERIOD", text)
    for stated in unit.capacity:
        if stated.available > stated.maximum:
            text = f"more {stated.what} is free than there is"
            yield _fault(unit, "capacity", "MORE_THAN_ALL", text)
    yield from _mandates(unit, codes)


def _mandates(unit: Unit, codes: Codes) -> Iterator[FieldViolation]:
    given: dict[tuple[str, str, str], list[Mandate]] = defaultdict(list)
    for mandate in unit.mandates:
        used = (
            ("kind", (mandate.kind,), MANDATES),
            ("area", (mandate.area,), codes.areas),
            ("role", (mandate.role,), unit.roles),
            ("problem_types", mandate.problem_types, codes.policies.problem_types),
        )
        for field, values, known in used:
            for code in values:
                if code not in known:
                    text = f"{code!r} is not known, or not the unit's"
                    yield _fault(unit, f"mandates.{field}", "UNKNOWN_CODE", text)
        if is_turned(mandate.since, mandate.until):
            text = f"the mandate for {mandate.area} ends before it begins"
            yield _fault(unit, "mandates", "TURNED_PERIOD", text)
        for problem in mandate.problem_types or ("",):
            given[mandate.area, mandate.role, problem].append(mandate)
    for (area, role, _), mandates in given.items():
        for _ in overlapping(mandates):
            text = f"two orders hold for {area} as {role} at the same time"
            yield _fault(unit, "mandates", "OVERLAPPING_PERIODS", text)


def _shared_numbers(units: Sequence[Unit]) -> Iterator[FieldViolation]:
    bearers: dict[tuple[str, str], str] = {}
    for unit in units:
        for key in unit.external_ids:
            first = bearers.setdefault(key, unit.id)
            if first != unit.id:
                text = f"{key[0]} is {first}'s, too"
                yield _fault(unit, "external_ids", "DUPLICATE_KEY", text)


def _nested(unit: Unit) -> bool:
    inside = unit.subdistrict.startswith(unit.district) and unit.district.startswith(unit.province)
    return inside and (len(unit.province), len(unit.district), len(unit.subdistrict)) == (2, 4, 6)


def _unknown_codes(unit: Unit, codes: Codes) -> Iterator[FieldViolation]:
    policies, words = codes.policies, codes.policies.vocabulary
    used: tuple[tuple[str, Sequence[str], Container[str]], ...] = (
        ("agency", (unit.agency,), policies.agencies),
        ("ministry", (unit.ministry,), policies.ministries),
        ("unit_type", (unit.unit_type,), words.unit_types),
        ("roles", unit.roles, words.roles),
        ("problem_types", unit.problem_types, policies.problem_types),
        ("place", (unit.subdistrict,), codes.areas),
        ("coverage", unit.coverage, codes.areas),
        ("hours", (unit.hours,), policies.calendars),
        ("adapter", (unit.adapter,) if unit.adapter else (), policies.agencies),
        ("tier", (unit.tier,), TIERS),
    )
    for field, values, known in used:
        for code in values:
            if code not in known:
                yield _fault(unit, field, "UNKNOWN_CODE", f"{code!r} is not known")


def _endless_commands(units: Mapping[str, Unit]) -> Iterator[FieldViolation]:
    """Yield each unit whose chain of command comes back to itself and never ends."""
    ends: dict[str, bool] = {"": True}
    for start in units.values():
        path: list[str] = []
        at = start.id
        while at in units and at not in ends and at not in path:
            path.append(at)
            at = units[at].parent
        ends.update(dict.fromkeys(path, ends.get(at, at not in units)))
        if not ends[start.id]:
            yield _fault(start, "parent_id", "COMMAND_CYCLE", "its chain of command never ends")


def _desks(units: Sequence[Unit]) -> Iterator[FieldViolation]:
    desks = [unit for unit in units if unit.tier]
    times = Counter(desk_key(desk) for desk in desks)
    for desk in desks:
        if times[desk_key(desk)] > 1:
            yield _fault(desk, "tier", "SECOND_DESK", "another unit is this desk already")
    if not times["central", ""]:
        yield FieldViolation("units", "NO_CENTRAL_DESK", "nobody would take what nobody else takes")
