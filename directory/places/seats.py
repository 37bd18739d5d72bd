"""Where every district stands: its seat, from GeoNames (CC BY 4.0, see NOTICE)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from directory.model import Point


@cache
def seats() -> Mapping[str, Point]:
    """Return every district's seat by its code."""
    path = Path(__file__).with_name("seats.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["district"]: (float(row["latitude"]), float(row["longitude"]))
            for row in csv.DictReader(file)
        }
