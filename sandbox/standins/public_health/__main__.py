"""Runs the stand-in for a hospital's referral system."""

from __future__ import annotations

from sandbox.standins import documents
from sandbox.standins.public_health.hospital import Hospital
from sandbox.standins.server import run
from sandbox.standins.settings import StandinSettings


def main() -> None:
    """Run until stopped."""
    settings = StandinSettings()
    run(settings, Hospital.name, documents.SCHEMA, lambda parts: (Hospital(parts), ()))


if __name__ == "__main__":
    main()
