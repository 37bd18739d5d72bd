"""The resolver once more, slow and plain: no index, every unit looked at for every target."""

from __future__ import annotations

from collections.abc import Sequence

from directory.model import Point, Unit, distance_km
from directory.resolve import Query
from policies.model import Target

Circle = tuple[float, ...]


def ranking(
    units: Sequence[Unit], query: Query, targets: Sequence[Target], fallback: Sequence[Target]
) -> list[str]:
    """Return the ids in the order in which `resolve` must rank them."""
    ranked: list[str] = []
    for target in targets:
        ranked += _of_target(units, query, target, ranked)
    for target in fallback:
        if not ranked:
            ranked += _of_target(units, query, target, ranked)
    return ranked


def _of_target(
    units: Sequence[Unit], query: Query, target: Target, ranked: Sequence[str]
) -> list[str]:
    fit = [
        (circle, _rank(unit, units, query, target), unit.id)
        for unit in units
        if unit.id not in ranked
        and _is_asked(unit, target)
        and _may_serve(unit, target.role, query)
        and (circle := _circle(unit, units, query, target)) is not None
    ]
    if not fit:
        return []
    innermost = min(circle for circle, _, _ in fit)
    best = sorted((rank, unit_id) for circle, rank, unit_id in fit if circle == innermost)
    return [unit_id for _, unit_id in best][: query.limit - len(ranked)]


def _is_asked(unit: Unit, target: Target) -> bool:
    return (
        unit.agency == target.agency
        and target.role in unit.roles
        and (not target.unit_types or unit.unit_type in target.unit_types)
    )


def _may_serve(unit: Unit, role: str, query: Query) -> bool:
    names = {unit.id, f"agency:{unit.agency}"}
    any_problem = role in ("front_line_1", "tier_desk")
    said = [c for c in unit.capacity if "" < query.capacity_since <= c.stated_at]
    is_full = bool(said) and sum(c.available for c in said) == 0
    return not (
        names & set(query.excluded)
        or unit.suspended
        or (unit.tier != "central" and names & set(query.declined))
        or unit.id in query.taking_part
        or (query.on and not unit.valid_from <= query.on < (unit.valid_until or "9"))
        or not (any_problem or query.problem_type in unit.problem_types)
        or (not any_problem and is_full)
        or not (query.may_wait or unit.hours in query.open_calendars)
    )


def _covered_area(unit: Unit, query: Query, target: Target) -> str | None:
    """Return the smallest area of the unit's coverage that holds the place."""
    given = [
        m.area
        for m in unit.mandates
        if m.role == target.role
        and query.problem_type in (m.problem_types or (query.problem_type,))
        and (not query.on or m.since <= query.on < (m.until or "9"))
    ]
    known = [query.place.subdistrict, query.place.district, query.place.province, "TH"]
    return next((area for area in known if area and area in (*unit.coverage, *given)), None)


def _circle(unit: Unit, units: Sequence[Unit], query: Query, target: Target) -> Circle | None:
    """Return how far out the unit is looked for, or None when the target does not reach it."""
    area = _covered_area(unit, query, target)
    if area is not None:
        local = len(area) > 2 or unit.district == query.place.district
        if target.scope == "national" or (target.scope == "province" and area != "TH"):
            return (0,)
        if target.scope == "district" and local:
            return (0,)
    if target.scope != "district" and unit.province == query.place.province:
        return (1,)
    centre = _centre(units, query)
    if target.scope == "national" and centre is not None:
        return (2, distance_km(centre, _seat(units, unit.province)), float(unit.province))
    return None


def _rank(unit: Unit, units: Sequence[Unit], query: Query, target: Target) -> tuple[float, ...]:
    area = _covered_area(unit, query, target)
    inside = _circle(unit, units, query, target) == (0,)
    size = {6: 0, 4: 1, 2: 3 if area == "TH" else 2}[len(area)] if area and inside else 4
    centre = _centre(units, query)
    return (
        target.unit_types.index(unit.unit_type) if target.unit_types else 0,
        size,
        len(set(query.languages) - set(unit.languages)),
        distance_km(centre, unit.point) if centre else 0,
    )


def _centre(units: Sequence[Unit], query: Query) -> Point | None:
    if query.place.point:
        return query.place.point
    if any(u.district == query.place.district for u in units):
        return _middle([u for u in units if u.district == query.place.district])
    if any(u.province == query.place.province for u in units):
        return _seat(units, query.place.province)
    return None


def _seat(units: Sequence[Unit], province: str) -> Point:
    first = min(u.district for u in units if u.province == province)
    return _middle([u for u in units if u.district == first])


def _middle(units: Sequence[Unit]) -> Point:
    in_order = sorted(units, key=lambda u: u.id)
    return (
        sum(u.latitude for u in in_order) / len(units),
        sum(u.longitude for u in in_order) / len(units),
    )
