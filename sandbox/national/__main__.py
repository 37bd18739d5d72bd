"""Print what the sandbox's national registry holds: `python -m sandbox.national`."""

from __future__ import annotations

import sys
from collections import Counter

from directory.model import digest_of
from sandbox.national import national_units


def main() -> None:
    """Print units per agency and type, the total and the digest."""
    units = national_units()
    counts = Counter((u.agency, u.unit_type, u.is_intake) for u in units)
    lines = [
        f"{agency:14} {unit_type:28} {'intake' if intake else '':7} {count:6,}"
        for (agency, unit_type, intake), count in sorted(counts.items())
    ]
    intake = sum(unit.is_intake for unit in units)
    lines += [f"{intake:,} intake units of {len(units):,}", f"sha256 {digest_of(units)}"]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
