"""What differs between two directories, unit by unit and field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from directory.model import Unit


@dataclass(frozen=True, slots=True)
class Changes:
    """Ids, in order; changed units with the fields in which they differ."""

    added: tuple[str, ...]
    changed: Mapping[str, tuple[str, ...]]
    ended: tuple[str, ...]


def changes(old: Iterable[Unit], new: Iterable[Unit]) -> Changes:
    """Return what came, what is otherwise and what is gone."""
    before = {unit.id: unit for unit in old}
    after = {unit.id: unit for unit in new}
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        changed={
            unit_id: differing(before[unit_id], after[unit_id])
            for unit_id in sorted(after.keys() & before.keys())
            if before[unit_id] != after[unit_id]
        },
        ended=tuple(sorted(before.keys() - after.keys())),
    )


def differing(one: Unit, other: Unit) -> tuple[str, ...]:
    """Return the names of the fields in which two versions of a unit differ."""
    return tuple(n for n in Unit.__slots__ if getattr(one, n) != getattr(other, n))
