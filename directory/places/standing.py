"""Units that do not stand where their codes say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from directory.model import Unit
from directory.places.names import full_name

ROUGH_KM = 20.0
"""The shipped outlines are rough, and islands are missing from them."""


def outside_their_province(units: Sequence[Unit]) -> Iterator[tuple[str, str]]:
    """Yield id and description of each unit that stands outside the province of its code."""
    from directory.places.shapes import on_sheet, shipped_provinces  # noqa: PLC0415  only here

    if not units:
        return
    near = shipped_provinces().within(on_sheet([unit.point for unit in units]), ROUGH_KM)
    for number, unit in enumerate(units):
        provinces = {code for _, code in near.get(number, ())}
        if unit.province not in provinces:
            where = full_name(min(provinces))[0].en if provinces else "nowhere in Thailand"
            own = full_name(unit.province)[0].en
            yield unit.id, f"stands near {where}, more than {ROUGH_KM:.0f} km from {own}"
