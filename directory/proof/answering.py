"""Which step of a chain answers, for every sub-district at once.

It leans on what `directory.resolve` looks at and nothing more: a unit is found by an area of its
coverage or by the province it stands in. So a target's answer is a few sets of areas, made once;
and sub-districts that no fit unit names by their own six digits get their district's answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from directory.model import COUNTRY, Place, Snapshot, Unit
from directory.proof.asked import Asked
from directory.resolve import DISTRICT, NATIONAL, Query, is_given, step_names, why_not
from policies.model import Target
from policies.rules import BANGKOK

Districts = Mapping[str, tuple[str, ...]]
"""Every district to its sub-districts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The same answer for some sub-districts of one district."""

    place: str
    """The district, or the one sub-district that is answered apart from it."""
    count: int
    step: int | None
    """Which step answers, counted over targets and fallback; None is nobody."""


@dataclass(slots=True)
class Reach:
    """Where one target finds a unit that may serve."""

    areas: set[str] = field(default_factory=set)
    at_home: set[str] = field(default_factory=set)
    """Districts in which such a unit stands whose province or country it answers for."""
    standing: set[str] = field(default_factory=set)

    def add(self, unit: Unit, areas: Collection[str]) -> None:
        self.areas.update(areas)
        self.standing.add(unit.province)
        if unit.province in areas or COUNTRY in areas:
            self.at_home.add(unit.district)

    def answers(self, place: Place, scope: str, *, has_centre: bool) -> bool:
        """Return whether the target yields a unit for the place: `resolve`'s circles, as sets."""
        covers = self.areas.__contains__
        if covers(place.subdistrict) or covers(place.district):
            return True
        if scope == DISTRICT:
            return place.district in self.at_home
        if covers(place.province) or place.province in self.standing:
            return True
        return scope == NATIONAL and (covers(COUNTRY) or (has_centre and bool(self.standing)))


class Answers:
    """Answers questions about one snapshot; what two questions have in common is found once."""

    def __init__(self, snapshot: Snapshot, districts: Districts, on: str) -> None:
        self._snapshot = snapshot
        self.on = on
        self._districts = districts
        self._reaches: dict[tuple[Target, str, frozenset[str], bool], Reach] = {}
        self._of_chains: dict[object, tuple[Answer, ...]] = {}

    def of(self, asked: Asked, chain: Sequence[Target] | None = None) -> tuple[Answer, ...]:
        """Return the answers to a question, or to one of its supporting chains."""
        steps = (*asked.targets, *asked.fallback) if chain is None else tuple(chain)
        # A supporting part may wait for the morning: policy promises it, whoever is awake.
        waits = asked.may_wait or chain is not None
        key = steps, asked.problem_type, asked.hours.open_calendars, waits, asked.area
        if key not in self._of_chains:
            reaches = [self._reach(target, asked, waits) for target in steps]
            in_bangkok = asked.area == "bangkok"
            self._of_chains[key] = tuple(
                answer
                for district, inside in self._districts.items()
                if (district[:2] == BANGKOK) == in_bangkok
                for answer in self._of_district(district, inside, steps, reaches)
            )
        return self._of_chains[key]

    def _of_district(
        self,
        district: str,
        inside: tuple[str, ...],
        steps: Sequence[Target],
        reaches: Sequence[Reach],
    ) -> Iterator[Answer]:
        whole = self._step(Place.of(district), steps, reaches)
        # Only targets before the one that answers the district can answer a part of it sooner.
        sooner = reaches if whole is None else reaches[:whole]
        named = [code for code in inside if any(code in reach.areas for reach in sooner)]
        for code in named:
            yield Answer(code, 1, self._step(Place.of(code), steps, reaches))
        if len(named) < len(inside):
            yield Answer(district, len(inside) - len(named), whole)

    def _step(self, place: Place, steps: Sequence[Target], reaches: Sequence[Reach]) -> int | None:
        has_centre = self._snapshot.centre_of(place) is not None
        for number, (target, reach) in enumerate(zip(steps, reaches, strict=True)):
            if reach.answers(place, target.scope, has_centre=has_centre):
                return number
        return None

    def _reach(self, target: Target, asked: Asked, waits: bool) -> Reach:
        key = target, asked.problem_type, asked.hours.open_calendars, waits
        if key not in self._reaches:
            self._reaches[key] = self._found(target, asked, waits)
        return self._reaches[key]

    def _found(self, target: Target, asked: Asked, waits: bool) -> Reach:
        query = Query(
            place=Place(),
            problem_type=asked.problem_type,
            open_calendars=asked.hours.open_calendars,
            may_wait=waits,
            on=self.on,
        )
        reach = Reach()
        types = target.unit_types or self._snapshot.unit_types.get((target.agency, target.role), ())
        for unit_type in types:
            kind = target.agency, target.role, unit_type
            for units in self._snapshot.by_province.get(kind, {}).values():
                for unit in units:
                    if why_not(unit, target.role, query) is None:
                        given = [
                            mandate.area
                            for mandate in unit.mandates
                            if mandate.role == target.role and is_given(mandate, query)
                        ]
                        reach.add(unit, [*unit.coverage, *given] if given else unit.coverage)
        return reach


def names_of(asked: Asked) -> list[str]:
    """Return the names of a question's steps: its targets', then its fallback's."""
    return [*step_names(asked.targets), *step_names(asked.fallback)]
