"""Runs the stand-in for a foundation's system."""

from __future__ import annotations

import httpx2

from sandbox.standins import push
from sandbox.standins.ngo.foundation import Foundation, FoundationSettings, judge
from sandbox.standins.server import Made, Parts, run


def main() -> None:
    """Run until stopped."""
    settings = FoundationSettings()

    def build(parts: Parts) -> Made:
        client = httpx2.AsyncClient(timeout=10)
        pusher = push.Pusher(parts.store, client, judge, settings.standin_pace)
        return Foundation(parts, settings), (pusher,)

    run(settings, Foundation.name, push.SCHEMA, build)


if __name__ == "__main__":
    main()
