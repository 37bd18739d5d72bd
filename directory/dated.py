"""What is true of a unit only for a time: who owned it, what a governor gave it, how full it is.

Days are written `2026-03-01` and instants in UTC as ISO 8601: they sort as they are. A period
begins with its first day and ends before `until`; an empty end is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

AREA, TEAM, OVERFLOW = "area", "team", "overflow"
MANDATES = (AREA, TEAM, OVERFLOW)


class Affiliation(NamedTuple):
    """Who owned the unit, and when: never assume it from the unit's type."""

    owner: str
    since: str
    until: str


class Capacity(NamedTuple):
    """How much room a unit said it has, and when it said so; old words are no knowledge."""

    what: str
    """`bed`, `place`, `team` ..."""
    maximum: int
    available: int
    stated_at: str


class Mandate(NamedTuple):
    """What a governor gave a unit: an area, an operation team's duty, extra places of care."""

    kind: str
    area: str
    role: str
    problem_types: tuple[str, ...]
    """Empty is every problem that the unit serves."""
    since: str
    until: str
    by: str
    """Whose order it is, as an office: no person's name."""
    reference: str


Period = Affiliation | Mandate
P = TypeVar("P", Affiliation, Mandate)


def holds(since: str, until: str, on: str) -> bool:
    """Return whether a period holds on a day; without a day every period does."""
    return not on or (since <= on and (not until or on < until))


def is_turned(since: str, until: str) -> bool:
    """Return whether a period ends before it begins, or on the day it begins."""
    return bool(since and until) and until <= since


def overlapping(periods: Iterable[P]) -> Iterator[tuple[P, P]]:
    """Yield neighbours in time of which the later begins before the earlier has ended."""
    in_order: Sequence[P] = sorted(periods, key=lambda p: (p.since, p.until or "9999"))
    for earlier, later in pairwise(in_order):
        if not earlier.until or later.since < earlier.until:
            yield earlier, later


def is_full(stated: Sequence[Capacity], *, since: str, until: str) -> bool:
    """Return whether nothing is free by all that was stated between two instants.

    What was never said, or too long ago, is unknown: not full.
    """
    fresh = [c for c in stated if since <= c.stated_at <= until]
    return bool(fresh) and all(c.available <= 0 for c in fresh)
