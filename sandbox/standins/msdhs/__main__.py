"""Runs the stand-in for the shelters' case management."""

from __future__ import annotations

import httpx2

from sandbox.standins import documents, push
from sandbox.standins.msdhs.case_management import CaseManagement, CaseManagementSettings
from sandbox.standins.server import Made, Parts, run


def main() -> None:
    """Run until stopped."""
    settings = CaseManagementSettings()

    def build(parts: Parts) -> Made:
        client = httpx2.AsyncClient(timeout=5)
        pusher = push.Pusher(parts.store, client, push.once, settings.standin_pace)
        return CaseManagement(parts, settings), (pusher,)

    run(settings, CaseManagement.name, documents.SCHEMA + push.SCHEMA, build)


if __name__ == "__main__":
    main()
