"""What the stand-ins do with the special reports; all others they accept, reach and complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.demo.expectation import Ending
from sandbox.demo.scenario import DemoReport

NO_ROOM = {
    "public_health": "no-capacity",
    "police": "NO-RESOURCES",
    "labour": "NO_CAPACITY",
    "msdhs": "no_bed",
    "ngo": "no_capacity",
}
"""How each agency's own system says that it has no room."""


def script_for(agency: str, reports: Sequence[DemoReport]) -> dict[str, Any]:
    """Return a stand-in's script. It knows a report by the mark in its summary."""
    rules: list[dict[str, Any]] = []
    for report in reports:
        match report.expected.ending:
            case Ending.DECLINED_ONCE if report.expected.agency == agency:
                decline = {"do": "decline", "reason": NO_ROOM[agency]}
                rules.append(
                    {
                        "name": f"decline-{report.number}",
                        "when": {"text": report.marker},
                        "steps": [decline],
                        "limit": 1,
                    }
                )
            case Ending.NOT_REACHED:
                rules.append({"when": {"text": report.marker}, "steps": [{"do": "accept"}]})
            case _:
                pass
    return {"rules": rules}
