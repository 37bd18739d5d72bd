"""What a process tells about itself holds no word of what people told it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.mesh.speaking import CANARY


@dataclass(frozen=True)
class Told:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.err.splitlines()]

    def line(self, event: str) -> dict[str, Any]:
        return next(line for line in self.lines if line["event"] == event)


def ended(how: str) -> Told:
    done = subprocess.run(  # noqa: S603 our own Python
        [sys.executable, "-m", "tests.unit.mesh.speaking", how],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def quietly() -> Told:
    return ended("quietly")


def test_nothing_tells_the_canary(quietly: Told) -> None:
    assert quietly.status == 0
    assert CANARY not in quietly.err
    assert CANARY not in quietly.out
    assert CANARY.encode("unicode_escape").decode() not in quietly.err + quietly.out


def test_a_line_is_json_with_a_constant_event_and_ids(quietly: Told) -> None:
    line = quietly.line("case_stored")
    assert (line["case_id"], line["service"], line["level"]) == ("c-1", "speaking", "info")


def test_a_field_about_a_person_is_withheld_and_said_to_be(quietly: Told) -> None:
    line = quietly.line("case_stored")
    assert {line["name"], line["phone"], line["narrative"]} == {"(withheld)"}


@pytest.mark.parametrize("event", ["storing_failed", "storing_failed_later"])
def test_an_error_is_told_by_its_type_and_its_places(quietly: Told, event: str) -> None:
    line = quietly.line(event)
    assert line["error"] == "DriverError"
    assert any(place.endswith(" fail") for place in line["places"])
    assert "exc_info" not in line


def test_a_librarys_warning_is_told_by_its_place_alone(quietly: Told) -> None:
    lines = [line for line in quietly.lines if line["event"] == "library_warning"]
    assert [(line["logger"], line["level"]) for line in lines] == [
        ("some.library", "warning"),
        ("some.library", "error"),
    ]
    assert all("speaking.py:" in line["place"] for line in lines)
    assert lines[1]["error"] == "DriverError"


def test_what_is_below_the_level_is_not_told(quietly: Told) -> None:
    assert "quiet" not in quietly.err


def test_a_span_says_that_it_failed_and_no_more(quietly: Told) -> None:
    spans = _spans(quietly.out)
    assert [span["name"] for span in spans] == ["work", "rpc", "consume reader", "refused"]
    assert [span["status"] for span in spans[:3]] == [
        {"status_code": "ERROR", "description": "DriverError"}
    ] * 3
    assert spans[3]["status"] == {"status_code": "ERROR", "description": "NO_SUCH_CASE"}
    assert [span["events"] for span in spans] == [[], [], [], []]


@pytest.mark.parametrize(
    ("how", "status", "event"),
    [
        ("uncaught", 1, "process_failed"),
        ("in a thread", 0, "thread_failed"),
        ("forgetting", 0, "library_warning"),
    ],
)
def test_an_error_that_nobody_caught_is_told_in_the_same_way(
    how: str, status: int, event: str
) -> None:
    told = ended(how)
    assert told.status == status
    assert CANARY not in told.err + told.out
    assert told.line(event)["error"] == "DriverError"


def _spans(text: str) -> list[dict[str, Any]]:
    decoder, spans, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        span, end = decoder.raw_decode(rest)
        spans.append(span)
        rest = rest[end:].strip()
    return spans
