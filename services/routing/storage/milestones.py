"""Milestones: the first fact of a kind stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.database import Transaction
from services.routing import tables
from services.routing.domain.model import Assignment
from services.routing.wire import RoutedCase


@dataclass(frozen=True, slots=True)
class MilestoneFact:
    """A point on a referral's way, with who says so and how it was reached."""

    case: RoutedCase
    assignment: Assignment
    kind: str
    occurred_at: datetime
    actor: str
    how: str = ""

    @property
    def key(self) -> tuple[UUID, str]:
        return self.assignment.assignment_id, self.kind


async def insert(
    tx: Transaction, facts: Sequence[MilestoneFact], *, now: datetime
) -> set[tuple[UUID, str]]:
    """Store the milestones and return the keys of those that were new: the first one stands."""
    rows = await tx.insert(
        tables.milestone,
        [
            {
                "referral_id": fact.assignment.referral_id,
                "kind": fact.kind,
                "assignment_id": fact.assignment.assignment_id,
                "occurred_at": fact.occurred_at,
                "recorded_at": now,
                "actor": fact.actor,
                "how": fact.how,
            }
            for fact in facts
        ],
        tail="ON CONFLICT DO NOTHING RETURNING assignment_id, kind",
    )
    return {(row["assignment_id"], row["kind"]) for row in rows}
