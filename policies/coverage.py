"""What the directory must answer for every place: the terms by which a release is proved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policies.model import Target, Text

BANGKOK, PROVINCE = "bangkok", "province"


@dataclass(frozen=True, slots=True)
class Duty:
    """A role that somebody must play for every problem in every place."""

    role: str
    chain: tuple[Target, ...]
    fallback: str
    source: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A fallback that is meant to answer; every empty field does not look."""

    step: str
    by: tuple[str, ...]
    """Routing rules and duties' roles."""
    problem_types: tuple[str, ...]
    urgencies: tuple[str, ...]
    in_hours: bool | None
    reason: Text
    source: str


@dataclass(frozen=True, slots=True)
class Jurisdiction:
    """How many units of these types answer for each area."""

    unit_types: tuple[str, ...]
    every: str
    """`district` or `province`."""
    area: str | None
    """`bangkok`, `province` (all others) or None for the whole country."""
    at_least: int
    at_most: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Coverage:
    duties: tuple[Duty, ...]
    accepted: tuple[Accepted, ...]
    jurisdictions: tuple[Jurisdiction, ...]
    capacity_fresh_for: timedelta
    """How long a stated capacity is believed; afterwards it is unknown."""
