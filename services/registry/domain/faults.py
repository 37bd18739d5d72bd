"""Everything that is wrong with a directory, each fault with the unit and the field it is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from directory.model import Unit, desk_key
from mesh.errors import FieldViolation
from policies.model import Policies

TIERS = ("", "central", "ministry", "province")


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
        if not _nested(unit):
            yield _fault(unit, "place", "NOT_NESTED", "its areas do not lie in each other")
        yield from _unknown_codes(unit, codes)
    yield from _endless_commands({unit.id: unit for unit in units})
    yield from _desks(units)


def _fault(unit: Unit, field: str, reason: str, text: str) -> FieldViolation:
    return FieldViolation(f"{unit.id}.{field}", reason, text)


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
