"""A report as the decisions see it: codes and ages, no identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What is decided from a person: no name, no number, no address."""

    age: int | None = None
    sex: str = ""
    nationality: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where, in DOPA codes and degrees; empty or None when it was not told."""

    province: str = ""
    district: str = ""
    subdistrict: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def known(self) -> bool:
        """Say whether anything at all is known."""
        return bool(self.province or self.district or self.subdistrict or self.latitude is not None)


@dataclass(frozen=True, slots=True)
class Report:
    """One contact of one reporter, without the words that only the identity block holds."""

    report_id: UUID
    channel: str
    kind: str
    problem_types: tuple[str, ...] = ()
    ess_cause: str = ""
    silent: bool = False
    anonymous: bool = False
    judged: str = ""
    """Urgency as judged at the door; empty lets intake judge."""
    place: Place = Place()
    people: tuple[PersonFacts, ...] = ()
    told: bool = False
    """A narrative or a place in words came with it."""
    need_summary: str = ""
    excluded: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    reported_at: datetime | None = None
    language: str = ""
    receiving_unit_id: str = ""
    safe_contact: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What may be said of a person before anybody accepted the case."""

    pseudonym: str
    age_band: str
    sex: str
    nationality: str
    groups: tuple[str, ...]
