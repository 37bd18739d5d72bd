"""All measurements, or those named: `python -m bench [--profile] [NAME ...]`.

Each runs in a process of its own, one after the other, and prints its own JSON line. With
`--profile`, those that can show where their time goes do so, and the hottest functions follow.
"""

from __future__ import annotations

import argparse
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path

USUAL = ("registry_resolve", "registry_import", "routing_decide", "intake", "end_to_end")
PROFILED = ("intake",)
HOTTEST = 25


def main() -> int:
    """Run them and return how many failed."""
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("*.py") if "argparse" in path.read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or (PROFILED if arguments.profile else USUAL)
    if arguments.profile:
        return sum(_profile(name) for name in names)
    return sum(_run(name) for name in names)


def _run(name: str, *words: str) -> int:
    line = [sys.executable, "-m", f"bench.{name}", *words]
    return int(subprocess.run(line, check=False).returncode != 0)  # noqa: S603 our own modules


def _profile(name: str) -> int:
    with tempfile.TemporaryDirectory(prefix="songtor-profile-") as folder:
        failed = _run(name, "--profile", folder)
        for path in sorted(Path(folder).glob("*.prof")):
            print(f"\n{name}: where the time of {path.stem} goes")
            pstats.Stats(str(path)).sort_stats("tottime").print_stats(HOTTEST)
    return failed


if __name__ == "__main__":
    sys.exit(main())
