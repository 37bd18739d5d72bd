"""Who is responsible here, for this, now: one pure function over a snapshot, with its reasons.

A chain of targets comes from policy. Each target is one step: the units that fit it are judged, and
those that are fit to serve are ranked. The first target that yields a unit answers; the later ones
follow it in the ranking, so that a decline has somewhere to go. Only when the whole chain yields
nobody are the fallback's steps taken. Every step has a name, every judgement a code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest

from directory.dated import Mandate, holds, is_full
from directory.model import COUNTRY, Kind, Place, Point, Snapshot, Unit, distance_km
from policies.model import Target

DISTRICT, PROVINCE, NATIONAL = "district", "province", "national"
NEXT_DISTRICT = "next_district"
FRONT_LINE_1, TIER_DESK = "front_line_1", "tier_desk"
ANY_PROBLEM = frozenset({FRONT_LINE_1, TIER_DESK})
"""Roles that take every problem: the nearest door (s001) and the desks behind all others."""
LAST_RESORT = "central"
"""The tier whose desk is asked again after it declined: nobody stands behind it."""

CHOSEN, CHOSEN_OPENS_LATER = "chosen", "chosen_opens_later"
ELIGIBLE, OPENS_LATER = "eligible", "opens_later"
EXCLUDED, DECLINED_BEFORE, TAKES_PART = "excluded", "declined_before", "takes_part"
SUSPENDED = "suspended"
WRONG_PROBLEM, NOT_ON_DUTY = "wrong_problem", "not_on_duty"
NOT_IN_FORCE, CAPACITY = "not_in_force", "capacity"
DISTANCE, NO_COVERAGE = "distance", "no_coverage"
EXPLAINED = 5
"""How many units passed over for one target are named: people read the explanation."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked about one case; no personal data."""

    place: Place
    problem_type: str
    open_calendars: Collection[str]
    """The calendars that are open at the instant asked about."""
    may_wait: bool = False
    """A closed unit may be chosen too: the case can wait for the morning."""
    excluded: Collection[str] = ()
    """Unit ids and `agency:<code>` that must not learn of the case."""
    declined: Collection[str] = ()
    """Unit ids and `agency:<code>` that said no."""
    taking_part: Collection[str] = ()
    """Unit ids that have another part in the case already."""
    languages: tuple[str, ...] = ()
    limit: int = 5
    """How many units to rank."""
    on: str = ""
    """The day on which periods are judged; empty judges none."""
    capacity_since: str = ""
    """The instant from which a stated capacity is believed; empty believes none."""
    capacity_until: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that was looked at, and why it was taken or passed over."""

    unit_id: str
    agency: str
    reason: str
    distance_km: float | None
    """None when nothing is known of the place."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer and how it was found."""

    ranked: tuple[Candidate, ...]
    """Best first, the first is chosen. Empty only when every desk is excluded from the case."""
    passed_over: tuple[Candidate, ...]
    steps: tuple[str, ...]
    """The steps taken until one gave a unit, by name: the last one answered."""
    version: int
    """The snapshot's."""

    @property
    def chosen(self) -> Candidate | None:
        return self.ranked[0] if self.ranked else None


def resolve(
    snapshot: Snapshot, query: Query, targets: Sequence[Target], fallback: Sequence[Target] = ()
) -> Resolution:
    """Rank the units that should take the case: `targets` in order, else `fallback` in order."""
    ranked: dict[str, Candidate] = {}
    passed_over: dict[str, Candidate] = {}
    steps: list[str] = []
    for chain, enough in ((targets, query.limit), (fallback, 1)):
        for target, name in zip(chain, step_names(chain), strict=True):
            if len(ranked) >= enough:
                break
            if not ranked:
                steps.append(name)
            for taken, judged in _judge(snapshot, query, target, ranked):
                (ranked if taken else passed_over)[judged.unit_id] = judged
    return Resolution(
        tuple(_with_choice(ranked.values())),
        tuple(c for c in passed_over.values() if c.unit_id not in ranked),
        tuple(steps),
        snapshot.version,
    )


def _with_choice(ranked: Iterable[Candidate]) -> Iterator[Candidate]:
    for place, candidate in enumerate(ranked):
        if place == 0:
            reason = CHOSEN if candidate.reason == ELIGIBLE else CHOSEN_OPENS_LATER
            yield replace(candidate, reason=reason)
        else:
            yield candidate


def step_names(chain: Sequence[Target]) -> list[str]:
    """Name each step: a desk's after the desk, another after how far it looks.

    A province that is asked after its district is the next district's turn.
    """
    names: list[str] = []
    for target in chain:
        if target.role == TIER_DESK and len(target.unit_types) == 1:
            names.append(target.unit_types[0])
        elif target.scope == PROVINCE and DISTRICT in names:
            names.append(NEXT_DISTRICT)
        else:
            names.append(target.scope)
    return names


def why_not(unit: Unit, role: str, query: Query) -> str | None:
    """Return the code of the first reason against `unit`, or None when it can serve."""
    code: str | None = None
    if _named(unit, query.excluded):
        code = EXCLUDED
    elif unit.tier != LAST_RESORT and _named(unit, query.declined):
        code = DECLINED_BEFORE
    elif unit.id in query.taking_part:
        code = TAKES_PART
    elif unit.suspended:
        code = SUSPENDED
    elif not holds(unit.valid_from, unit.valid_until, query.on):
        code = NOT_IN_FORCE
    elif role not in ANY_PROBLEM and query.problem_type not in unit.problem_types:
        code = WRONG_PROBLEM
    elif not query.may_wait and unit.hours not in query.open_calendars:
        code = NOT_ON_DUTY
    elif role not in ANY_PROBLEM and unit.capacity and _is_full(unit, query):
        code = CAPACITY
    return code


def _named(unit: Unit, names: Collection[str]) -> bool:
    return bool(names) and (unit.id in names or f"agency:{unit.agency}" in names)


def _is_full(unit: Unit, query: Query) -> bool:
    since, until = query.capacity_since, query.capacity_until
    return bool(since) and is_full(unit.capacity, since=since, until=until)


Rank = tuple[int, int, int, float, str]
"""Type's place in the target, size of the area covered, languages missing, km, id: less is better.

The id makes every rank different, so units themselves are never compared.
"""
Ranked = tuple[Rank, Unit]
DISTRICT_SIZE, PROVINCE_SIZE, NOT_COVERED = 1, 2, 4


def _judge(
    snapshot: Snapshot, query: Query, target: Target, ranked: Collection[str]
) -> Iterator[tuple[bool, Candidate]]:
    """Yield the best units of the innermost circle that has any, and those passed over."""
    centre = snapshot.centre_of(query.place)
    room = query.limit - len(ranked)
    unnamed = EXPLAINED
    seen = set(ranked)
    for circle, outside in _circles(snapshot, query, target, centre):
        fit: list[tuple[Rank, Unit, str]] = []
        unfit: list[tuple[Rank, Unit, str]] = []
        for rank, unit in circle:
            if unit.id not in seen:
                seen.add(unit.id)
                reason = NO_COVERAGE if outside else why_not(unit, target.role, query)
                (unfit if reason else fit).append((rank, unit, reason or DISTANCE))
        best = nsmallest(room + EXPLAINED, fit)
        for rank, unit, _ in best[:room]:
            reason = ELIGIBLE if unit.hours in query.open_calendars else OPENS_LATER
            yield True, _candidate(unit, reason, rank, centre)
        named = nsmallest(unnamed, unfit + best[room:])
        for rank, unit, reason in named:
            yield False, _candidate(unit, reason, rank, centre)
        unnamed -= len(named)
        if best:
            return


def _circles(
    snapshot: Snapshot, query: Query, target: Target, centre: Point | None
) -> Iterator[tuple[list[Ranked], bool]]:
    """Yield who answers for the place, then who stands in its province, then in the next ones.

    A district's target ends with the first; the second is marked as outside, only to be explained.
    A national target goes on through the provinces, the nearest first.
    """
    types = target.unit_types or snapshot.unit_types.get((target.agency, target.role), ())
    kinds = [(target.agency, target.role, unit_type) for unit_type in types]
    place = query.place

    def rank(unit: Unit, size: int) -> Ranked:
        order = target.unit_types.index(unit.unit_type) if target.unit_types else 0
        missing = sum(language not in unit.languages for language in query.languages)
        km = distance_km(centre, unit.point) if centre else 0.0
        return (order, size, missing, km, unit.id), unit

    yield (
        [
            rank(unit, size)
            for unit, size in _covering(snapshot, kinds, query)
            if _in_scope(unit, size, target.scope, place)
        ],
        False,
    )
    if place.province:
        near = snapshot.standing_in(kinds, place.province)
        yield [rank(unit, NOT_COVERED) for unit in near], target.scope == DISTRICT
    if target.scope == NATIONAL and centre:
        for province in snapshot.provinces_from(centre):
            if province != place.province:
                yield (
                    [rank(unit, NOT_COVERED) for unit in snapshot.standing_in(kinds, province)],
                    False,
                )


def _covering(
    snapshot: Snapshot, kinds: Sequence[Kind], query: Query
) -> Iterable[tuple[Unit, int]]:
    """Return each unit that answers for the place with the size of the smallest such area."""
    place = query.place
    found: dict[str, tuple[Unit, int]] = {}
    for size, area in enumerate((place.subdistrict, place.district, place.province, COUNTRY)):
        for unit in snapshot.covering(kinds, area):
            found.setdefault(unit.id, (unit, size))
        if snapshot.mandated:
            for kind in kinds:
                for mandate, unit in snapshot.mandated.get(kind, {}).get(area, ()):
                    if is_given(mandate, query):
                        found.setdefault(unit.id, (unit, size))
    return found.values()


def is_given(mandate: Mandate, query: Query) -> bool:
    """Return whether a governor's order holds for the question."""
    for_this = not mandate.problem_types or query.problem_type in mandate.problem_types
    return for_this and holds(mandate.since, mandate.until, query.on)


def _in_scope(unit: Unit, size: int, scope: str, place: Place) -> bool:
    if scope == DISTRICT:
        return size <= DISTRICT_SIZE or unit.district == place.district
    return size <= PROVINCE_SIZE or scope == NATIONAL


def _candidate(unit: Unit, reason: str, rank: Rank, centre: Point | None) -> Candidate:
    return Candidate(unit.id, unit.agency, reason, rank[3] if centre else None)
