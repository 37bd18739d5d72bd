"""POST /v1/reports: what is stored, what is sent back, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from services.gateway.domain import texts
from tests.integration.gateway.edge import Door, open_door
from tests.integration.intake.desk import Desk
from tests.samples import CANARIES, report

THAI = {"Accept-Language": "th"}
ENGLISH = {"Accept-Language": "en-GB,en;q=0.9"}


async def test_a_report_of_the_public_gets_a_receipt(door: Door, desk: Desk) -> None:
    answer = await door.post(report())
    assert answer.status_code == 201
    receipt = answer.json()
    assert answer.headers["location"] == f"/v1/track/{receipt['reference']}"
    (row,) = await desk.rows(
        "SELECT source, channel, case_id FROM report WHERE report_id = :id",
        id=UUID(receipt["report_id"]),
    )
    assert (row["source"], row["channel"]) == ("door:website", "website")
    assert str(row["case_id"]) == receipt["case_id"]
    tracked = await door.client.get(
        answer.headers["location"], params={"code": receipt["follow_up_code"]}
    )
    assert tracked.json()["status"] == "received"


async def test_a_thousand_posts_of_one_key_open_one_case(door: Door, desk: Desk) -> None:
    before = await desk.count("case_file")
    body, key = report(), str(uuid4())
    answers = await asyncio.gather(*[door.post(body, key=key) for _ in range(1_000)])
    assert await desk.count("case_file") == before + 1
    assert len({answer.content for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 999 + [201]
    replayed = [a for a in answers if a.headers.get("idempotent-replayed") == "true"]
    assert len(replayed) == 999


async def test_a_repeat_in_other_letters_is_the_same_report(door: Door) -> None:
    body, key = report(), str(uuid4())
    first = await door.post(json.dumps(body, ensure_ascii=True).encode(), key=key)
    turned = dict(reversed(body.items()))
    again = await door.post(
        json.dumps(turned, ensure_ascii=False, indent=2).encode(), key=key, headers=ENGLISH
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_the_same_key_with_another_body_is_refused(door: Door, desk: Desk) -> None:
    key = str(uuid4())
    await door.post(report(), key=key)
    before = await desk.count("report")
    answer = await door.post(report(narrative="x"), key=key, headers=ENGLISH)
    assert answer.status_code == 422
    assert answer.json()["reason"] == "IDEMPOTENCY_KEY_REUSED"
    assert "fresh key" in answer.json()["next"]
    assert await desk.count("report") == before


async def test_keys_of_two_clients_do_not_meet(door: Door) -> None:
    one, two = await door.key("door:walk_in"), await door.key("door:walk_in")
    body = report(channel="walk_in")
    first = await door.post(body, key="1", headers=one)
    second = await door.post(report(channel="walk_in", narrative="x"), key="1", headers=two)
    assert (first.status_code, second.status_code) == (201, 201)


async def test_a_clients_new_key_finds_its_old_receipts(door: Door) -> None:
    old = await door.key("agency:ngo", client="foundation")
    new = await door.key("agency:ngo", client="foundation")
    body = report(channel="agency")
    first = await door.post(body, key="7", headers=old)
    again = await door.post(body, key="7", headers=new)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()


async def test_an_agencys_report_names_its_agency(door: Door, desk: Desk) -> None:
    key = await door.key("agency:ngo")
    body = report()
    del body["channel"]
    receipt = (await door.post(body, headers=key)).json()
    (row,) = await desk.rows(
        "SELECT source, channel FROM report WHERE report_id = :id", id=UUID(receipt["report_id"])
    )
    assert (row["source"], row["channel"]) == ("agency:ngo", "agency")


@dataclass(frozen=True)
class Bad:
    """Something a client gets wrong, and what it is told."""

    name: str
    body: bytes
    status: int
    reason: str
    headers: dict[str, str] = field(default_factory=dict)
    fault: tuple[str, str] | None = None


def faulty(name: str, where: str, why: str, **changes: Any) -> Bad:
    """Return a report with one field wrong."""
    body = json.dumps(report(**changes)).encode()
    return Bad(name, body, 422, "INVALID_FIELDS", fault=(where, why))


def bad_input() -> list[Bad]:
    """Return what issue 2 lists under "What bad input gets", and its neighbours."""
    good = json.dumps(report()).encode()
    megabyte = json.dumps(report(narrative="x" * 1_000_000)).encode()
    elsewhere = json.dumps(report(channel="line_ess")).encode()
    point, north = "place.point", {"latitude": 91.0, "longitude": 100.0}
    munich = {"latitude": 48.1, "longitude": 11.6}
    return [
        faulty("unknown field", "wings", "UNKNOWN_FIELD", wings=2),
        faulty("wrong type", "silent", "WRONG_TYPE", silent="yes"),
        faulty("long narrative", "narrative", "TOO_LONG", narrative="x" * 70_000),
        faulty(
            "unknown province",
            "place.province_code",
            "UNKNOWN_PROVINCE",
            place={"province_code": "99"},
        ),
        faulty(
            "unknown district",
            "place.district_code",
            "UNKNOWN_DISTRICT",
            place={"district_code": "5099"},
        ),
        faulty("impossible point", f"{point}.latitude", "OUT_OF_RANGE", place={"point": north}),
        faulty("point abroad", point, "OUTSIDE_THAILAND", place={"point": munich}),
        faulty("future", "occurred_at", "IN_THE_FUTURE", occurred_at="2026-03-02T09:11:00Z"),
        faulty(
            "unknown problem",
            "problem_types[0]",
            "UNKNOWN_PROBLEM_TYPE",
            problem_types=["ghosts"],
        ),
        faulty("unknown cause", "ess_cause", "UNKNOWN_ESS_CAUSE", ess_cause="boredom"),
        faulty("no unit's id", "receiving_unit_id", "UNKNOWN_UNIT", receiving_unit_id="?!"),
        Bad("nothing", b"{}", 422, "INVALID_FIELDS", fault=("report", "NOTHING_TOLD")),
        Bad("broken json", b'{"narrative": ', 400, "MALFORMED_JSON"),
        Bad("not utf-8", b"\xff\xfe{}", 400, "MALFORMED_JSON"),
        Bad("megabyte narrative", megabyte, 413, "BODY_TOO_LARGE"),
        Bad("text", good, 415, "UNSUPPORTED_MEDIA_TYPE", {"Content-Type": "text/plain"}),
        Bad("no key", good, 400, "MISSING_IDEMPOTENCY_KEY", {"Idempotency-Key": ""}),
        Bad("key with a blank", good, 400, "BAD_IDEMPOTENCY_KEY", {"Idempotency-Key": "a b"}),
        Bad("unknown api key", good, 401, "UNKNOWN_KEY", {"Authorization": "Bearer nonsense"}),
        Bad("closed door", elsewhere, 403, "DOOR_CLOSED"),
    ]


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.name) for bad in bad_input()])
@pytest.mark.parametrize("language", ["th", "en"])
async def test_bad_input_gets_a_document_and_leaves_nothing(
    door: Door, desk: Desk, bad: Bad, language: str
) -> None:
    before = [await desk.count(table) for table in ("report", "case_file", "outbox")]
    with capture_logs() as logs:
        answer = await door.post(bad.body, headers={"Accept-Language": language, **bad.headers})
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, document["status"]) == (bad.status, bad.status)
    assert document["reason"] == bad.reason
    words = texts.WORDS[document["type"].rpartition(":")[2].upper().replace("-", "_")]
    assert document["title"] == words.title.in_language(language)
    assert document["next"] == words.next.in_language(language)
    assert answer.headers["content-language"] == language
    assert len(document["trace_id"]) == 32
    assert logs[-1]["problem_trace_id"] == document["trace_id"]
    if bad.fault is not None:
        first = document["errors"][0]
        assert (first["field"], first["reason"]) == bad.fault
    said = answer.text + json.dumps(logs, ensure_ascii=False)
    assert not [word for word in (*CANARIES, "ghosts", "boredom") if word in said]
    assert before == [await desk.count(table) for table in ("report", "case_file", "outbox")]


async def test_a_wrong_report_does_not_hurt_those_that_came_with_it(door: Door) -> None:
    bodies = [report(), report(ess_cause="boredom"), report(), report(wings=2), report()]
    answers = await asyncio.gather(*[door.post(body) for body in bodies])
    assert [answer.status_code for answer in answers] == [201, 422, 201, 422, 201]


async def test_what_breaks_only_the_contract_is_sent_back_alone(door: Door) -> None:
    # The models let it through; the contract's rule of uniqueness does not.
    twice = report(problem_types=["violence", "violence"])
    answers = await asyncio.gather(*[door.post(body) for body in (report(), twice, report())])
    assert [answer.status_code for answer in answers] == [201, 422, 201]
    (fault,) = answers[1].json()["errors"]
    assert fault == {
        "field": "problem_types",
        "reason": "TWICE",
        "detail": texts.FIELDS["TWICE"].th,
    }


async def test_many_large_reports_fit_into_several_calls(door: Door) -> None:
    bodies = [report(narrative="x" * 65_000) for _ in range(80)]
    answers = await asyncio.gather(*[door.post(body) for body in bodies])
    assert {answer.status_code for answer in answers} == {201}


async def test_a_unit_that_nobody_has_is_noticed_once_the_registry_was_heard(door: Door) -> None:
    unknown = report(receiving_unit_id="TH-MSDHS-9999-001", excluded=["TH-X-1", "agency:police"])
    assert (await door.post(unknown)).status_code == 201
    await door.units.load()
    answer = await door.post(unknown, headers=ENGLISH)
    assert answer.status_code == 422
    assert [(item["field"], item["reason"]) for item in answer.json()["errors"]] == [
        ("receiving_unit_id", "UNKNOWN_UNIT"),
        ("excluded[0]", "UNKNOWN_UNIT"),
    ]
    known = report(receiving_unit_id="TH-MSDHS-5001-001")
    assert (await door.post(known)).status_code == 201


async def test_a_trace_goes_on_into_the_event(door: Door, desk: Desk) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await door.post(report(), headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.status_code == 201
    (row,) = await desk.rows(
        "SELECT headers->>'traceparent' AS traceparent FROM outbox ORDER BY id DESC LIMIT 1"
    )
    assert row["traceparent"].split("-")[1] == trace


async def test_a_refusal_names_the_trace_it_belongs_to(door: Door) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await door.post(b"{", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer.json()["trace_id"] == trace


async def test_without_intake_the_sender_is_asked_to_come_again(database: str) -> None:
    async with open_door(database, "127.0.0.1:1", timeout=2) as alone:
        answer = await alone.post(report(), headers=ENGLISH)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "same Idempotency-Key" in answer.json()["next"]


async def test_no_answer_in_time_is_an_unknown_outcome(
    door: Door, desk: Desk, database: str
) -> None:
    async with open_door(database, desk.address, timeout=0.3) as hasty:
        key = str(uuid4())
        async with desk.database.transaction() as tx:
            await tx.execute("LOCK TABLE case_file IN SHARE MODE")
            answer = await hasty.post(report(), key=key)
        assert answer.status_code == 504
        again = await door.post(report(), key=key)
    # It had been stored: the same key gives the receipt, and no second case.
    assert again.status_code == 200


async def test_a_closed_website_takes_no_report_without_a_key(database: str, desk: Desk) -> None:
    async with open_door(database, desk.address, public=False) as closed:
        answer = await closed.post(report())
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        key = await closed.key("door:website")
        assert (await closed.post(report(), headers=key)).status_code == 201


async def test_what_is_too_much_is_asked_to_come_again_and_then_stored_once(
    database: str, desk: Desk
) -> None:
    before = await desk.count("case_file")
    reports = {str(uuid4()): report() for _ in range(40)}
    async with open_door(database, desk.address, waiting=5) as narrow:
        answers = await asyncio.gather(*[narrow.post(b, key=k) for k, b in reports.items()])
        refused = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {201, 429}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert await desk.count("case_file") == before + len(reports) - len(refused)
        for key, body in reports.items():
            assert (await narrow.post(body, key=key)).status_code in (200, 201)
    assert await desk.count("case_file") == before + len(reports)
