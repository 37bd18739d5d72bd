"""The foundation's stand-in: believes signed webhooks, and answers through a gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.listening import Call, Listener, listening
from tests.standins import Standin, eventually, running

SECRET = "whsec_c29uZ3Rvci10ZXN0cy1zZWNyZXQtMDAx"


@asynccontextmanager
async def foundation(folder: Path, gateway: Listener) -> AsyncIterator[Standin]:
    async with running(
        "ngo", folder, webhook_secret=SECRET, gateway_url=gateway.url, api_key="key-1"
    ) as standin:
        yield standin


async def send(
    ngo: Standin,
    name: str,
    *,
    kind: str = "referral.offered",
    secret: str = SECRET,
    age: timedelta = timedelta(0),
) -> int:
    sent_at = datetime.now(UTC) - age
    body = json.dumps({"type": kind, "timestamp": "", "data": {"assignment_id": name}})
    headers = {
        "webhook-id": f"{kind}-{name}",
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(f"{kind}-{name}", sent_at, body),
    }
    return (await ngo.client.post("/webhooks", content=body, headers=headers)).status_code


def actions(gateway: Listener) -> list[str]:
    return [call.json()["action"] for call in gateway.calls]


async def told(gateway: Listener, last: str) -> bool:
    return actions(gateway)[-1:] == [last]


async def test_a_referral_is_answered_step_by_step_through_the_gateway(tmp_path: Path):
    async with listening() as gateway, foundation(tmp_path, gateway) as ngo:
        assert await send(ngo, "a1") == 204
        await eventually(lambda: told(gateway, "complete"))
        assert actions(gateway) == ["accept", "start", "record_reached", "complete"]
        assert {call.path for call in gateway.calls} == {"/v1/referrals/a1/status"}
        assert {call.headers["authorization"] for call in gateway.calls} == {"Bearer key-1"}
        keys = {call.headers["idempotency-key"] for call in gateway.calls}
        assert len(keys) == 4
        assert all(key.startswith('"') and key.endswith('"') for key in keys)
        assert gateway.calls[-1].json()["outcomes"] == ["helped"]


async def test_an_overloaded_gateway_is_asked_again_with_the_same_key(tmp_path: Path):
    answers = iter([503, 429, 200])

    def answer(_call: Call) -> int:
        return next(answers, 200)

    async with listening(answer) as gateway, foundation(tmp_path, gateway) as ngo:
        await ngo.play(otherwise=[{"do": "accept", "after": 0}])
        await send(ngo, "a1")
        await eventually(lambda: _calls(gateway, 3))
        assert len({call.headers["idempotency-key"] for call in gateway.calls}) == 1


async def test_a_refusal_of_the_gateway_is_final(tmp_path: Path):
    async with listening(lambda _call: 409) as gateway, foundation(tmp_path, gateway) as ngo:
        await ngo.play(otherwise=[{"do": "accept", "after": 0}, {"do": "reach", "after": 0}])
        await send(ngo, "a1")
        await eventually(lambda: told(gateway, "record_reached"))
        assert actions(gateway) == ["accept", "start", "record_reached"]


async def _calls(gateway: Listener, many: int) -> bool:
    return len(gateway.calls) == many


async def test_the_same_webhook_again_is_a_duplicate(tmp_path: Path):
    async with listening() as gateway, foundation(tmp_path, gateway) as ngo:
        assert [await send(ngo, "a1"), await send(ngo, "a1")] == [204, 204]
        ledger = await ngo.ledger()
        assert (ledger["effects"], ledger["duplicates"]) == (1, 1)


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "whsec_" + "b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA=="},
        {"age": timedelta(minutes=6)},
        {"age": timedelta(minutes=-6)},
    ],
    ids=["other-secret", "too-old", "from-the-future"],
)
async def test_a_webhook_that_is_forged_or_not_from_now_is_refused(
    tmp_path: Path, forged: dict[str, Any]
):
    async with listening() as gateway, foundation(tmp_path, gateway) as ngo:
        assert await send(ngo, "a1", **forged) == 401
        assert (await ngo.ledger())["received"] == 0


async def test_asked_to_cancel_the_foundation_confirms(tmp_path: Path):
    async with listening() as gateway, foundation(tmp_path, gateway) as ngo:
        await ngo.play(otherwise=[])
        await send(ngo, "a1")
        await send(ngo, "a1", kind="referral.cancel_requested")
        await eventually(lambda: told(gateway, "confirm_cancel"))
        assert (await ngo.ledger())["states"] == {"cancelled": 1}
