"""Write policies/data/holidays_th.yaml from the `holidays` library, so that hours are data.

Run it when a new year is gazetted, read the diff, and raise `version`:
    python -m tools.materialise_holidays --years 2026 2027 2028 --version 2
The library itself says it is exact only for gazetted years; what the cabinet adds or moves later
belongs in the `overrides` of calendars.yaml, with the resolution as its source.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import holidays
import yaml

TARGET = Path(__file__).resolve().parent.parent / "policies" / "data" / "holidays_th.yaml"
KINDS = ("public", "government")


def rows(years: list[int]) -> list[dict[str, object]]:
    """Return every holiday of `years`, by date then kind, named in both languages."""
    found: list[dict[str, object]] = []
    for kind in KINDS:
        thai = holidays.TH(years=years, categories=(kind,), language="th")
        english = holidays.TH(years=years, categories=(kind,), language="en_US")
        found.extend(
            {"on": on.isoformat(), "kind": kind, "name": {"th": thai[on], "en": english[on]}}
            for on in sorted(thai)
            if isinstance(on, date)
        )
    return sorted(found, key=lambda row: (str(row["on"]), str(row["kind"])))


def render(years: list[int], version: int) -> str:
    """Return the whole file; equal input gives equal bytes."""
    lines = [
        "# Written by `python -m tools.materialise_holidays`; edit overrides, not this file.",
        f"version: {version}",
        f"library: holidays {holidays.__version__}",
        f"years: [{', '.join(str(year) for year in sorted(years))}]",
        "source: proposed",
        "holidays:",
    ]
    for row in rows(years):
        flow = yaml.safe_dump(
            row, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000
        )
        lines.append(f"  - {flow.strip()}")
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--years", type=int, nargs="+", default=[2026, 2027, 2028])
    arguments.add_argument("--version", type=int, default=1)
    arguments.add_argument("--target", type=Path, default=TARGET)
    asked = arguments.parse_args()
    asked.target.write_text(render(asked.years, asked.version), encoding="utf-8")
    print(f"{asked.target.name}: {len(rows(asked.years))} holidays")


if __name__ == "__main__":
    main()
