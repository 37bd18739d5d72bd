"""What is wrong with a directory: gaps, fallbacks that nobody meant, too few units, too many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from directory.dated import holds
from directory.model import COUNTRY, Snapshot, Unit
from directory.proof.answering import Answers, Districts, names_of
from directory.proof.asked import Asked
from policies.coverage import BANGKOK as BANGKOK_AREA
from policies.coverage import Accepted, Coverage, Jurisdiction
from policies.model import Target
from policies.rules import BANGKOK

GAP = "gap"
"""Nobody would be asked at all."""
FALLBACK = "unnamed_fallback"
"""A desk answers that no policy names for it: people would find out by accident."""
UNSUPPORTED = "unsupported"
"""A supporting part that policy promises and nobody can take."""
MISSING, OVERLAP = "missing_unit", "overlap"
DISPROVED = "disproved"
"""The resolver itself answers otherwise than the proof says: a defect of the proof."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong in one place."""

    kind: str
    what: str
    """The question, or the unit types that should answer."""
    place: str
    """A district's code, or a sub-district's or a province's."""
    count: int
    """How many sub-districts it is wrong for."""
    detail: str


def of_answers(asked: Asked, answers: Answers, accepted: Sequence[Accepted]) -> Iterator[Finding]:
    """Yield what is wrong with the answers to one question."""
    names = names_of(asked)
    for answer in answers.of(asked):
        if answer.step is None:
            yield Finding(GAP, asked.name, answer.place, answer.count, "nobody")
        elif answer.step >= len(asked.targets) and not _is_accepted(
            asked, names[answer.step], accepted
        ):
            detail = names[answer.step]
            yield Finding(FALLBACK, asked.name, answer.place, answer.count, detail)
    for chain in asked.supporting:
        for answer in answers.of(asked, chain):
            if answer.step is None:
                detail = _chain_name(chain)
                yield Finding(UNSUPPORTED, asked.name, answer.place, answer.count, detail)


def _chain_name(chain: Sequence[Target]) -> str:
    return f"{chain[0].agency} {chain[0].role}"


def _is_accepted(asked: Asked, step: str, accepted: Sequence[Accepted]) -> bool:
    in_hours = asked.hours.name == "office"
    return any(
        step == row.step
        and (not row.by or asked.by in row.by)
        and (not row.problem_types or asked.problem_type in row.problem_types)
        and (not row.urgencies or asked.urgency in row.urgencies)
        and row.in_hours in (None, in_hours)
        for row in accepted
    )


def of_jurisdictions(
    snapshot: Snapshot, districts: Districts, coverage: Coverage, on: str
) -> Iterator[Finding]:
    """Yield areas for which too few or too many units of a kind answer."""
    types = {code for row in coverage.jurisdictions for code in row.unit_types}
    covering: dict[tuple[str, str], list[Unit]] = defaultdict(list)
    for unit in snapshot.units.values():
        in_force = not unit.suspended and holds(unit.valid_from, unit.valid_until, on)
        if unit.unit_type in types and in_force:
            for area in unit.coverage:
                covering[unit.unit_type, area].append(unit)
    for row in coverage.jurisdictions:
        for area, count in _areas(districts, row):
            around = (area, *((area[:2],) if len(area) > 2 else ()), COUNTRY)
            units = {
                unit.id: unit
                for unit_type in row.unit_types
                for code in around
                for unit in covering.get((unit_type, code), ())
            }
            yield from _judged(row, area, count, sorted(units))


def _areas(districts: Districts, row: Jurisdiction) -> Iterator[tuple[str, int]]:
    sizes: dict[str, int] = defaultdict(int)
    for district, inside in districts.items():
        in_bangkok = district[:2] == BANGKOK
        if row.area is None or in_bangkok == (row.area == BANGKOK_AREA):
            sizes[district if row.every == "district" else district[:2]] += len(inside)
    yield from sizes.items()


def _judged(row: Jurisdiction, area: str, count: int, ids: Sequence[str]) -> Iterator[Finding]:
    what = "|".join(row.unit_types)
    if len(ids) < row.at_least:
        detail = f"{len(ids)} of at least {row.at_least}"
        yield Finding(MISSING, what, area, count, detail)
    if row.at_most is not None and len(ids) > row.at_most:
        detail = f"{len(ids)} of at most {row.at_most}: {', '.join(ids[:4])}"
        yield Finding(OVERLAP, what, area, count, detail)
