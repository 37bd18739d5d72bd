"""Runs the stand-in for the police dispatch system."""

from __future__ import annotations

import httpx2

from sandbox.standins import documents, push
from sandbox.standins.police.station import PoliceSettings, Station
from sandbox.standins.server import Made, Parts, run


def main() -> None:
    """Run until stopped."""
    settings = PoliceSettings()

    def build(parts: Parts) -> Made:
        client = httpx2.AsyncClient(timeout=5)
        pusher = push.Pusher(parts.store, client, push.until_2xx, settings.standin_pace)
        return Station(parts, settings), (pusher,)

    run(settings, Station.name, documents.SCHEMA + push.SCHEMA, build)


if __name__ == "__main__":
    main()
