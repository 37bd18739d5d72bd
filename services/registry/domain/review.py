"""Who releases a directory, what it would change, and who is on duty: values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from directory.changes import Changes
from directory.proof.findings import Finding
from mesh.errors import InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Signed:
    """Who releases, why, and the second person."""

    importer: str
    """The caller as its certificate names it."""
    author: str
    reason: str
    approved_by: str = ""
    override_reason: str = ""
    """Why gaps that the release opens are taken; counts only with a second person."""

    def __post_init__(self) -> None:
        if self.approved_by and self.approved_by.casefold() == self.author.casefold():
            raise InvalidArgumentError(
                "a release is approved by another person than its author",
                reason="SAME_PERSON",
            )

    @property
    def by_two(self) -> bool:
        return bool(self.approved_by)


@dataclass(frozen=True, slots=True)
class Review:
    """What a directory would change against the release in force."""

    changes: Changes
    opened: Sequence[Finding]
    closed: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Shift:
    """One officer's turn at a unit; rank 0 answers first, the others are deputies in order."""

    unit_id: str
    officer: str
    rank: int
    contact: str
    starts_at: datetime
    ends_at: datetime
