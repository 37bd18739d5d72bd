"""What alerting knows of one case: its scope in codes, and who holds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

URGENCIES = ("normal", "urgent", "crisis")
"""From slow to fast. A case's urgency only ever rises here: events may come in any order, and the
fastest clock is the safe one."""
_PLACES = {code: place for place, code in enumerate(URGENCIES)}


@dataclass(frozen=True, slots=True)
class Case:
    """One case in codes. No name, no number of a person, no place finer than a province."""

    case_id: UUID
    reference: str
    province: str
    problem_types: tuple[str, ...]
    ess_cause: str
    urgency: str
    silent: bool
    excluded: frozenset[str]
    """Units and agencies (`agency:police`) that must learn nothing of the case."""
    reported_at: datetime
    reached_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def problem_type(self) -> str:
        return self.problem_types[0] if self.problem_types else "other"

    @property
    def settled(self) -> bool:
        """The person was reached or the case closed: nothing is urgent about it any more."""
        return self.reached_at is not None or self.closed_at is not None

    def joined(self, other: Case) -> Case:
        """Return this case with what another event says of it; the order of events is no matter.

        The same object comes back when nothing in it is new.
        """
        joined = Case(
            self.case_id,
            self.reference or other.reference,
            self.province or other.province,
            self.problem_types or other.problem_types,
            self.ess_cause or other.ess_cause,
            fastest((self.urgency, other.urgency)),
            self.silent or other.silent,
            self.excluded | other.excluded,
            min(self.reported_at, other.reported_at),
            _earlier(self.reached_at, other.reached_at),
            _earlier(self.closed_at, other.closed_at),
        )
        return self if joined == self else joined


def fastest(urgencies: Iterable[str]) -> str:
    """Return the most urgent code; one that is unknown counts as normal."""
    return max(urgencies, key=lambda code: _PLACES.get(code, 0))


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    if a is None or b is None:
        return a or b
    return min(a, b)


@dataclass(frozen=True, slots=True)
class Holder:
    """A unit that was asked to take the case, by one assignment."""

    assignment_id: UUID
    case_id: UUID
    unit_id: str
    agency: str
    ministry: str
    part: str
    """`lead` or `supporting`."""
    state: str
    version: int
    """The assignment's: an older one that comes late changes nothing."""
    requested_at: datetime

    @property
    def waiting(self) -> bool:
        """Offered, and nobody has answered."""
        return self.state in ("requested", "received")

    @property
    def active(self) -> bool:
        """The unit has the work, or has been asked to take it."""
        return self.state in (
            "requested",
            "received",
            "accepted",
            "in_progress",
            "on_hold",
            "cancel_requested",
        )
