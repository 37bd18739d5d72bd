"""Runs the stand-in for a labour ministry's case system."""

from __future__ import annotations

from sandbox.standins.labour.office import SCHEMA, Office
from sandbox.standins.server import run
from sandbox.standins.settings import StandinSettings


def main() -> None:
    """Run until stopped."""
    settings = StandinSettings()
    run(settings, Office.name, SCHEMA, lambda parts: (Office(parts), ()))


if __name__ == "__main__":
    main()
