"""All the other routes: who may ask, and what they are told."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from mesh.errors import UnauthenticatedError
from services.gateway import keys as api_keys
from services.gateway.news import News
from songtor.alerting.v1 import alerting_pb2
from songtor.alerting.v1 import events_pb2 as alerting_events
from songtor.intake.v1 import intake_pb2
from tests.integration.gateway.edge import NOW, Door
from tests.integration.intake.desk import Desk, assignment, referral
from tests.plumbing import open_bus
from tests.samples import CANARIES, report
from tests.waiting import until

ALERT = "01a1ffbd-86de-707c-a94c-a5dc8eaa7314"
# Of nothing: a name of a test must be the same each time it is collected.
SOME_ID = "01a1ffbd-86de-707c-a94c-a5dc8eaa7315"


async def test_tracking_needs_the_number_and_the_code(door: Door) -> None:
    receipt = (await door.post(report())).json()
    refused = [
        await door.client.get(f"/v1/track/{reference}", params={"code": code})
        for reference, code in (
            (receipt["reference"], "AAAAA-AAAAA"),
            ("0000-0000-0000", receipt["follow_up_code"]),
            ("nonsense", "nonsense"),
        )
    ]
    assert {answer.status_code for answer in refused} == {404}
    told = [
        {k: v for k, v in a.json().items() if k not in ("trace_id", "instance")} for a in refused
    ]
    assert told[0] == told[1] == told[2]
    assert (await door.client.get(f"/v1/track/{receipt['reference']}")).status_code == 422


async def test_an_expired_code_is_told_as_an_unknown_one(door: Door, desk: Desk) -> None:
    receipt = (await door.post(report())).json()
    message = intake_pb2.Receipt(case_id=receipt["case_id"])
    await desk.hear(referral(message, uuid4(), "completed", at=desk.clock.now()))
    asked = {"params": {"code": receipt["follow_up_code"]}}
    address = f"/v1/track/{receipt['reference']}"
    assert (await door.client.get(address, **asked)).json()["status"] == "closed"
    desk.clock.advance(timedelta(days=31))
    answer = await door.client.get(address, **asked)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NO_SUCH_REPORT")
    assert "1300" in answer.json()["next"]


async def test_an_agency_acts_once_by_its_key(door: Door) -> None:
    task = str(uuid4())
    door.routing.agencies[task] = "ngo"
    key = await door.key("agency:ngo")
    body = {"action": "accept", "actor": "officer-7", "expected_version": 1}

    async def act() -> Any:
        headers = key | {"Idempotency-Key": "accept-1"}
        return await door.client.post(f"/v1/referrals/{task}/status", json=body, headers=headers)

    first, again = await act(), await act()
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["state"] == "accepted"
    assert again.headers["idempotent-replayed"] == "true"
    heard = door.routing.heard[-1]
    assert (heard.agency, heard.role, heard.expected_version) == ("ngo", 2, 1)


async def test_a_step_the_state_does_not_allow_is_told_the_state(door: Door) -> None:
    task = str(uuid4())
    door.routing.agencies[task] = "ngo"
    headers = await door.key("agency:ngo") | {"Idempotency-Key": str(uuid4())}
    body = {"action": "complete", "actor": "officer-7", "outcomes": ["helped"]}
    answer = await door.client.post(f"/v1/referrals/{task}/status", json=body, headers=headers)
    assert answer.status_code == 409
    assert answer.json()["current"] == {"state": "requested", "version": "1"}


async def test_another_agencys_assignment_is_not_there(door: Door) -> None:
    theirs, nobodys = str(uuid4()), str(uuid4())
    door.routing.agencies[theirs] = "police"
    key = await door.key("agency:ngo")
    answers = []
    for task in (theirs, nobodys):
        headers = key | {"Idempotency-Key": str(uuid4())}
        body = {"action": "accept", "actor": "officer-7"}
        answers.append(
            await door.client.post(f"/v1/referrals/{task}/status", json=body, headers=headers)
        )
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["reason"] for answer in answers} == {"NO_SUCH_ASSIGNMENT"}


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"action": "explode", "actor": "x"}, "action", "NOT_IN_LIST"),
        ({"action": "accept"}, "actor", "MISSING"),
        ({"action": "accept", "actor": "x", "state": "done"}, "state", "UNKNOWN_FIELD"),
        ({"action": "decline", "actor": "x", "reason_code": "ไม่ว่าง"}, "reason_code", "WRONG_FORM"),
    ],
)  # fmt: skip
async def test_a_step_that_is_none_is_sent_back(
    door: Door, body: dict[str, Any], field: str, reason: str
) -> None:
    headers = await door.key("agency:ngo") | {"Idempotency-Key": str(uuid4())}
    answer = await door.client.post(f"/v1/referrals/{uuid4()}/status", json=body, headers=headers)
    assert answer.status_code == 422
    assert (field, reason) in [(e["field"], e["reason"]) for e in answer.json()["errors"]]


async def test_the_agency_that_holds_a_case_reads_who_it_is_about(door: Door, desk: Desk) -> None:
    receipt = (await door.post(report())).json()
    task = uuid4()
    message = intake_pb2.Receipt(case_id=receipt["case_id"])
    await desk.hear(assignment(message, task, "accepted", 1, agency="ngo"))
    address = f"/v1/referrals/{task}/identity"
    asked = {"purpose": "first_contact", "officer": "officer-7"}
    mine = await door.client.get(address, params=asked, headers=await door.key("agency:ngo"))
    assert mine.status_code == 200
    assert mine.headers["cache-control"] == "no-store"
    assert mine.json()["people"][0]["name"] == CANARIES[1]
    assert CANARIES[0] not in mine.text
    theirs = await door.client.get(address, params=asked, headers=await door.key("agency:police"))
    assert theirs.status_code == 404
    nameless = await door.client.get(
        address,
        params={"purpose": "Because I can", "officer": "officer-7"},
        headers=await door.key("agency:ngo"),
    )
    assert nameless.status_code == 422


OPERATORS_ONLY = (
    ("GET", f"/v1/cases/{SOME_ID}/referrals"),
    ("GET", "/v1/alerts"),
    ("POST", f"/v1/alerts/{ALERT}/acknowledge"),
    ("GET", "/v1/events"),
)
AGENCIES_ONLY = (
    ("POST", f"/v1/referrals/{SOME_ID}/status"),
    ("GET", f"/v1/referrals/{SOME_ID}/identity?purpose=x&officer=y"),
)


@pytest.mark.parametrize(("method", "address"), [*OPERATORS_ONLY, *AGENCIES_ONLY])
async def test_a_route_is_closed_without_its_scope(door: Door, method: str, address: str) -> None:
    scope = "agency:ngo" if (method, address) in OPERATORS_ONLY else "operator"
    nobody = await door.client.request(method, address)
    other = await door.client.request(method, address, headers=await door.key(scope))
    assert (nobody.status_code, other.status_code) == (401, 403)
    assert nobody.headers["content-type"] == "application/problem+json"


async def test_an_operator_sees_referrals_and_alerts(door: Door) -> None:
    key = await door.key("operator")
    case_id = str(uuid4())
    shown = await door.client.get(f"/v1/cases/{case_id}/referrals", headers=key)
    assert shown.json()["referrals"][0]["assignments"][0]["case_id"] == case_id
    listed = await door.client.get(
        "/v1/alerts", params={"state": "open", "province_code": "50"}, headers=key
    )
    assert listed.json()["alerts"][0]["reference"] == "1234-5678-9012"
    assert door.alerting.asked[-1].state == alerting_pb2.ALERT_STATE_OPEN
    wrong = await door.client.get("/v1/alerts", params={"state": "gone"}, headers=key)
    assert wrong.json()["errors"][0]["field"] == "state"
    taken = await door.client.post(
        f"/v1/alerts/{ALERT}/acknowledge", json={"by": "desk-1", "note": "x"}, headers=key
    )
    assert (taken.json()["state"], taken.json()["acknowledged_by"]) == ("acknowledged", "desk-1")
    missing = await door.client.post(
        f"/v1/alerts/{uuid4()}/acknowledge", json={"by": "desk-1"}, headers=key
    )
    assert missing.status_code == 404


async def test_a_revoked_key_is_good_no_more(door: Door) -> None:
    key = await door.key("operator", client="left-the-desk")
    assert (await door.client.get("/v1/alerts", headers=key)).status_code == 200
    (row,) = [r for r in await api_keys.listed(door.database) if r["client"] == "left-the-desk"]
    await api_keys.revoke(door.database, row["key_id"], now=NOW)
    await door.keys.read()
    assert (await door.client.get("/v1/alerts", headers=key)).status_code == 401


async def test_keys_are_kept_as_hashes(door: Door) -> None:
    key = await api_keys.create(door.database, client="x", scopes=["operator"], now=NOW)
    async with door.database.transaction() as tx:
        dump = str([dict(row) for row in await tx.execute("SELECT * FROM api_key")])
        leaves = await tx.execute("SELECT * FROM audit_leaf WHERE action = 'api_key_created'")
    assert key not in dump
    assert key not in str([dict(row) for row in leaves])
    assert leaves


async def test_a_key_made_a_moment_ago_is_found(door: Door) -> None:
    made = await api_keys.create(door.database, client="new", scopes=["operator"], now=NOW)
    door.keys._read_at -= 2
    assert (await door.keys.principal(made)).operator
    with pytest.raises(UnauthenticatedError):
        await door.keys.principal(made + "x")


@pytest.mark.parametrize(
    ("method", "address", "status", "reason"),
    [
        ("GET", "/v1/nowhere", 404, "NO_SUCH_ADDRESS"),
        ("GET", "/v1/reports", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/v1/alerts", 405, "METHOD_NOT_ALLOWED"),
    ],
)
async def test_addresses_and_methods_that_are_none(
    door: Door, method: str, address: str, status: int, reason: str
) -> None:
    answer = await door.client.request(method, address)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert status == 404 or answer.headers["allow"]


async def test_an_error_nobody_foresaw_says_nothing_of_itself(door: Door) -> None:
    class Broken(News):
        def stream(self) -> Any:
            raise RuntimeError(CANARIES[0])

    parts = door.app._api.state.parts  # type: ignore[attr-defined]
    before = parts.news
    object.__setattr__(parts, "news", Broken())
    answer = await door.client.get("/v1/events", headers=await door.key("operator"))
    object.__setattr__(parts, "news", before)
    assert (answer.status_code, answer.json()["reason"]) == (500, "INTERNAL")
    assert CANARIES[0] not in answer.text


async def test_news_reach_the_console_in_codes(door: Door, nats_server: str) -> None:
    news = News()
    async with open_bus(nats_server) as bus:
        following = asyncio.create_task(news.follow(bus))
        await until(lambda: len(bus.client._subs) >= 2)
        stream = news.stream()
        assert (await anext(stream)).startswith(b":")
        receipt = intake_pb2.Receipt(case_id=str(uuid4()))
        subject, event = assignment(receipt, uuid4(), "accepted", 3)
        await bus.client.publish(
            subject, event.SerializeToString(), headers={"Nats-Msg-Id": "news-1"}
        )
        told = await asyncio.wait_for(anext(stream), 10)
        assert told.startswith(b"id: news-1\nevent: assignment\ndata: {")
        assert b'"state":"accepted"' in told
        changed = alerting_events.AlertChanged(alert=alerting_pb2.Alert(kind="ess", tier="central"))
        await bus.client.publish("alert.v1.central.msdhs.50.ess", changed.SerializeToString())
        assert b"event: alert" in await asyncio.wait_for(anext(stream), 10)
        following.cancel()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_a_slow_console_is_told_that_it_lost_something() -> None:
    news = News()
    stream = news.stream()
    await anext(stream)
    for number in range(1_500):
        news.tell(b"%d" % number)
    assert b"event: lost" in await anext(stream)
    assert await anext(stream) == b"1000"
    await stream.aclose()  # type: ignore[attr-defined]
    assert not news._listeners


async def test_the_streams_answer_has_the_right_type(door: Door) -> None:
    sent: list[Any] = []
    key = await door.key("operator")
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "GET",
        "path": "/v1/events",
        "raw_path": b"/v1/events",
        "query_string": b"",
        "headers": [(b"authorization", key["Authorization"].encode())],
    }
    task = asyncio.create_task(door.app(scope, receive, send))
    await until(lambda: len(sent) >= 2)
    assert dict(sent[0]["headers"])[b"content-type"].startswith(b"text/event-stream")
    gone.set()
    await asyncio.wait_for(task, 10)


async def test_the_description_is_complete(door: Door) -> None:
    document = (await door.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/reports",
        "/v1/track/{reference}",
        "/v1/cases/{case_id}/referrals",
        "/v1/referrals/{assignment_id}/status",
        "/v1/referrals/{assignment_id}/identity",
        "/v1/alerts",
        "/v1/alerts/{alert_id}/acknowledge",
        "/v1/events",
    }
    schemas = document["components"]["schemas"]
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas, reference
    assert set(schemas["Report"]["properties"]) >= {"narrative", "ess_cause", "place", "people"}
    assert schemas["Report"]["additionalProperties"] is False
    for path in document["paths"].values():
        for operation in path.values():
            refused = [a for s, a in operation["responses"].items() if s >= "400"]
            assert refused
            assert all("application/problem+json" in answer["content"] for answer in refused)


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


async def test_operators_make_list_and_revoke_keys_from_the_command_line(
    door: Door, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = database.rpartition("@")[2]
    monkeypatch.setenv("SONGTOR_DATABASE_URL", f"postgresql+asyncpg://songtor_gateway:test@{place}")

    async def run(*words: str) -> str:
        assert await asyncio.to_thread(api_keys.main, words) == 0
        return capsys.readouterr().out

    key = (await run("create", "--client", "by-hand", "--scope", "operator")).strip()
    await door.keys.read()
    assert (await door.keys.principal(key)).operator
    (line,) = [line for line in (await run("list")).splitlines() if "by-hand" in line]
    assert key not in line
    await run("revoke", line.split()[0])
    await door.keys.read()
    with pytest.raises(UnauthenticatedError):
        await door.keys.principal(key)
