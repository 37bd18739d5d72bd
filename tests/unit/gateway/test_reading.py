"""What came is bounded and typed, and never quoted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from mesh.errors import InvalidArgumentError
from services.gateway import models, wire
from services.gateway.reading import body_of, need_json, parsed
from services.gateway.reports import digest
from tests.samples import CANARIES, report


class Sender:
    """Sends a body in parts, and counts those that were asked for."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self._parts = list(parts)
        self.taken = 0

    async def receive(self) -> Message:
        self.taken += 1
        more = self.taken < len(self._parts)
        return {"type": "http.request", "body": self._parts[self.taken - 1], "more_body": more}


async def test_a_body_comes_whole_however_it_is_cut() -> None:
    assert await body_of({}, Sender([b"ab", b"", b"c"]).receive, 3) == b"abc"
    assert await body_of({}, Sender([b""]).receive, 3) == b""


async def test_a_body_that_announces_too_much_is_not_read() -> None:
    sender = Sender([b"x"] * 9)
    with pytest.raises(InvalidArgumentError, match="limit"):
        await body_of({b"content-length": b"1000"}, sender.receive, 100)
    assert sender.taken == 0


async def test_a_body_that_grows_too_large_is_read_no_further() -> None:
    sender = Sender([b"x" * 60] * 9)
    with pytest.raises(InvalidArgumentError, match="limit"):
        await body_of({}, sender.receive, 100)
    assert sender.taken == 2


@pytest.mark.parametrize("kind", [b"application/json", b"Application/JSON; charset=utf-8"])
def test_json_is_read(kind: bytes) -> None:
    need_json({b"content-type": kind})


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/x-www-form-urlencoded"])
def test_nothing_else_is(kind: bytes) -> None:
    with pytest.raises(InvalidArgumentError):
        need_json({b"content-type": kind} if kind else {})


def faults(body: Any) -> list[tuple[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidArgumentError) as raised:
        parsed(models.Report, raw)
    assert not any(word in str(raised.value.violations) for word in CANARIES)
    return [(item.field, item.reason) for item in raised.value.violations]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"wings": 2}, "wings", "UNKNOWN_FIELD"),
        ({CANARIES[0]: 2}, "?", "UNKNOWN_FIELD"),
        ({"people": [{"nickname": "x"}]}, "people[0].nickname", "UNKNOWN_FIELD"),
        ({"silent": "yes"}, "silent", "WRONG_TYPE"),
        ({"silent": 1}, "silent", "WRONG_TYPE"),
        ({"narrative": 7}, "narrative", "WRONG_TYPE"),
        ({"people": {}}, "people", "WRONG_TYPE"),
        ({"people": [{"age": "12"}]}, "people[0].age", "WRONG_TYPE"),
        ({"people": [{"age": -1}]}, "people[0].age", "OUT_OF_RANGE"),
        ({"people": [{}] * 21}, "people", "TOO_MANY_ITEMS"),
        ({"narrative": "x" * 65_537}, "narrative", "TOO_LONG"),
        ({"narrative": "ก" * 21_846}, "narrative", "TOO_LONG"),
        ({"need_summary": "x" * 501}, "need_summary", "TOO_LONG"),
        ({"channel": "pigeon"}, "channel", "NOT_IN_LIST"),
        ({"urgency": "soon"}, "urgency", "NOT_IN_LIST"),
        ({"problem_types": ["Violence!"]}, "problem_types[0]", "WRONG_FORM"),
        ({"place": {"province_code": 50}}, "place.province_code", "WRONG_TYPE"),
        ({"place": {"province_code": "5"}}, "place.province_code", "WRONG_FORM"),
        (
            {"place": {"point": {"latitude": 1e3, "longitude": 1}}},
            "place.point.latitude",
            "OUT_OF_RANGE",
        ),
        ({"place": {"point": {"latitude": 1}}}, "place.point.longitude", "MISSING"),
        ({"occurred_at": "yesterday"}, "occurred_at", "WRONG_FORM"),
        ({"occurred_at": "2026-03-02T10:00:00"}, "occurred_at", "NO_TIME_ZONE"),
        ({"report_id": "1"}, "report_id", "WRONG_FORM"),
        ({"safe_contact": {"hours": "all day"}}, "safe_contact.hours", "WRONG_FORM"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_not_quoted(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(report(**changes)) == [(field, reason)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    body = b'{"place":{"point":{"latitude":%s,"longitude":1}}}' % number.encode()
    with pytest.raises(InvalidArgumentError):
        parsed(models.Report, body)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"a":1}x', b"\xff\xfe", b'{"narrative":"\xff"}', b"[" * 100_000,
     b'{"narrative":"\\ud800"}'],
)  # fmt: skip
def test_what_is_no_json_is_called_so(body: bytes) -> None:
    with pytest.raises(InvalidArgumentError) as raised:
        parsed(models.Report, body)
    assert raised.value.reason == "MALFORMED_JSON"


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"x"'])
def test_json_that_is_no_object_is_of_the_wrong_type(body: bytes) -> None:
    assert faults(body) == [("body", "WRONG_TYPE")]


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    try:
        parsed(models.Report, body)
    except InvalidArgumentError:
        return


def digest_of(body: str) -> bytes:
    return digest(wire.report_to(parsed(models.Report, body.encode()), "website"))


def test_the_same_report_written_otherwise_has_the_same_digest() -> None:
    one = digest_of('{"narrative": "กา", "silent": false, "kind": "incident"}')
    assert one == digest_of('{\n"kind":"incident","narrative":"\\u0e01\\u0e32"}')
    same_instant = ['{"occurred_at":"2026-03-02T10:00:00+07:00"}',
                    '{"occurred_at":"2026-03-02T03:00:00Z"}']  # fmt: skip
    assert len({digest_of(body) for body in same_instant}) == 1


@pytest.mark.parametrize(
    "change",
    [{"narrative": "อื่น"}, {"silent": True}, {"people": []}, {"excluded": ["agency:police"]},
     {"place": None}, {"reporter": {"name": "x"}}, {"safe_contact": {"contact_prohibited": True}}],
)  # fmt: skip
def test_another_report_has_another_digest(change: dict[str, Any]) -> None:
    assert digest_of(json.dumps(report())) != digest_of(json.dumps(report(**change)))


def test_a_report_reaches_intake_word_for_word() -> None:
    told = report(
        report_id="01a1ffbd-86de-707c-a94c-a5dc8eaa7314",
        urgency="urgent",
        ess_cause="threat",
        silent=True,
        anonymous=True,
        safe_contact={"contact_prohibited": True, "channels": ["line"], "hours": "09:00-16:00"},
        excluded=["agency:police"],
        occurred_at="2026-03-02T10:00:00+07:00",
        reported_at="2026-03-02T10:01:00+07:00",
        receiving_unit_id="TH-MSDHS-5001-001",
        place={
            "province_code": "50",
            "district_code": "5001",
            "subdistrict_code": "500101",
            "point": {"latitude": 18.79, "longitude": 98.98},
            "text": "ข้างวัด",
        },
    )
    message = wire.report_to(parsed(models.Report, json.dumps(told).encode()), "website")
    left = {field.name for field, _ in message.ListFields()}
    assert left == {field.name for field in message.DESCRIPTOR.fields}
    assert message.place.point.latitude == 18.79
    assert message.people[0].age == 12
    assert message.occurred_at.ToJsonString() == "2026-03-02T03:00:00Z"
    assert message.safe_contact.hours == "09:00-16:00"
