"""What is wrong with a rota. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from itertools import pairwise

from mesh.errors import FieldViolation
from services.registry.domain.review import Shift


def faults(
    shifts: Sequence[Shift], *, unit_ids: Sequence[str], known: Container[str]
) -> Iterator[FieldViolation]:
    """Yield every fault with the turn and the field it is in."""
    for number, unit_id in enumerate(unit_ids):
        if unit_id not in known:
            yield FieldViolation(f"unit_ids[{number}]", "UNKNOWN_UNIT", "no unit has this id")
    by_place: dict[tuple[str, int], list[tuple[Shift, int]]] = defaultdict(list)
    for number, shift in enumerate(shifts):
        if shift.unit_id not in unit_ids:
            text = "is not one of the units whose rota this is"
            yield FieldViolation(f"shifts[{number}].unit_id", "OTHER_UNIT", text)
        if shift.ends_at <= shift.starts_at:
            text = "ends before it begins"
            yield FieldViolation(f"shifts[{number}].ends_at", "TURNED_PERIOD", text)
        by_place[shift.unit_id, shift.rank].append((shift, number))
    for turns in by_place.values():
        in_order = sorted(turns, key=lambda turn: (turn[0].starts_at, turn[1]))
        for (earlier, _), (later, number) in pairwise(in_order):
            if later.starts_at < earlier.ends_at:
                text = "begins while another turn of the same rank lasts"
                yield FieldViolation(f"shifts[{number}].starts_at", "OVERLAPPING_TURNS", text)
