"""The police stand-in: EIDO in by POST, EIDO out by push and by a list of changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.listening import Call, Listener, listening
from tests.standins import Standin, eventually, running

STATION = "urn:emergency:uid:agency:RTP-5001:police.example"
HUB = "urn:emergency:uid:agency:hub:sender.example"


def component(**fields: Any) -> dict[str, Any]:
    return {
        "$id": "urn:emergency:uid:part:1:sender.example",
        "lastUpdateTimeStamp": "2026-04-10T08:00:00+07:00",
        "updatedByAgencyReference": {"$ref": HUB},
    } | fields


def eido(name: str, *, status: str = "Active", at: str = "2026-04-10T08:00:00+07:00") -> Any:
    role = {"agencyRoleDescriptionRegistryText": ["Dispatch"], "agencyType": ["police"]}
    return component() | {
        "$id": f"urn:emergency:uid:incidentid:{name}:sender.example",
        "lastUpdateTimeStamp": at,
        "eidoVersion": "1.0",
        "issuingElementIdentification": "hub.sender.example",
        "agencyComponent": [component(**role) | {"$id": STATION}],
        "dispatchComponent": [component(agencyReference={"$ref": STATION})],
        "incidentComponent": component(
            incidentTypeCommonRegistryText="ABUSE",
            incidentTypeInternalCode="trafficking",
            incidentStatusCommonRegistryText=[status],
        ),
        "notesComponent": [component(notesActionComments="ทดสอบ")],
    }


def statuses(listener: Listener, name: str) -> list[str]:
    told = [call.json() for call in listener.calls]
    mine = [each for each in told if f":{name}:" in each["$id"]]
    return [each["incidentComponent"]["incidentStatusCommonRegistryText"][0] for each in mine]


async def post(police: Standin, content: Any) -> int:
    return (await police.client.post("/EIDO", json=content)).status_code


async def test_an_incident_is_pushed_on_until_it_is_closed(tmp_path: Path):
    async with (
        listening() as hub,
        running("police", tmp_path, push_url=hub.url, push_token="t0") as police,
    ):
        assert await post(police, eido("i1")) == 201
        await eventually(lambda: _ends(hub, "i1", "Closed"))
        assert statuses(hub, "i1") == ["Active", "ResourcesAssigned", "ResourcesOnscene", "Closed"]
        closing = hub.calls[-1].json()["incidentComponent"]["dispositionComponent"][0]
        assert closing["dispositionCommonRegistryCode"] == "18"
        assert {call.headers["authorization"] for call in hub.calls} == {"Bearer t0"}


async def _ends(hub: Listener, name: str, status: str) -> bool:
    return statuses(hub, name)[-1:] == [status]


async def test_what_is_not_taken_is_pushed_again_in_order_even_after_a_kill(tmp_path: Path):
    refusing = True

    def answer(_call: Call) -> int:
        return 503 if refusing else 204

    async with (
        listening(answer) as hub,
        running("police", tmp_path, push_url=hub.url) as police,
    ):
        await post(police, eido("i1"))
        await police.comes_to("i1", "completed")
        await police.kill()
        assert set(statuses(hub, "i1")) <= {"Active"}
        refused = len(hub.calls)
        refusing = False
        await police.start()
        await eventually(lambda: _ends(hub, "i1", "Closed"))
        taken = statuses(hub, "i1")[refused:]
        assert taken[-4:] == ["Active", "ResourcesAssigned", "ResourcesOnscene", "Closed"]


async def test_the_same_eido_again_is_a_duplicate_and_an_older_one_a_conflict(tmp_path: Path):
    async with running("police", tmp_path) as police:
        await police.play(otherwise=[])
        assert await post(police, eido("i1")) == 201
        assert await post(police, eido("i1")) == 200
        newer = eido("i1", at="2026-04-10T09:00:00+07:00")
        assert await post(police, newer) == 200
        assert await post(police, eido("i1")) == 409
        ledger = await police.ledger()
        assert (ledger["effects"], ledger["duplicates"]) == (1, 1)


async def test_an_incident_called_off_is_cancelled(tmp_path: Path):
    async with running("police", tmp_path) as police:
        await police.play(otherwise=[{"do": "accept", "after": 0}])
        await post(police, eido("i1"))
        await police.comes_to("i1", "accepted")
        off = eido("i1", status="Cancelled", at="2026-04-10T09:00:00+07:00")
        assert await post(police, off) == 200
        await police.comes_to("i1", "cancelled")


async def test_a_declined_incident_says_so_with_a_disposition_and_a_category(tmp_path: Path):
    async with running("police", tmp_path) as police:
        decline = {"do": "decline", "after": 0, "reason": "OUT_OF_AREA"}
        await police.play(otherwise=[decline])
        await post(police, eido("i1"))
        await police.comes_to("i1", "declined")
        known = (await police.client.get("/EIDO/i1")).json()["incidentComponent"]
        assert known["incidentStatusCommonRegistryText"] == ["Closed"]
        closing = known["dispositionComponent"][0]
        assert closing["dispositionCommonRegistryCode"] == "15"
        assert closing["dispositionCategoryText"] == "OUT_OF_AREA"


async def test_the_list_of_changes_goes_on_after_its_cursor(tmp_path: Path):
    async with running("police", tmp_path) as police:
        await police.play(otherwise=[])
        await post(police, eido("i1"))
        first = (await police.client.get("/EIDO")).json()
        await post(police, eido("i2"))
        second = (await police.client.get("/EIDO", params={"since": first["next"]})).json()
        assert [each["$id"].split(":")[4] for each in first["eidos"]] == ["i1"]
        assert [each["$id"].split(":")[4] for each in second["eidos"]] == ["i2"]


async def test_news_of_their_own_incident_opens_no_file(tmp_path: Path):
    async with running("police", tmp_path) as police:
        news = eido("theirs", status="ResourcesAssigned")
        news["agencyComponent"][0]["incidentOwningAgencyIndicator"] = True
        assert [await post(police, news), await post(police, news)] == [201, 200]
        ledger = await police.ledger()
        assert ledger["effects"] == 0
        assert ledger["news"] == {"received": 2, "kept": 1}


@pytest.mark.parametrize("missing", ["$id", "eidoVersion", "agencyComponent", "incidentComponent"])
async def test_an_eido_without_what_the_standard_requires_is_refused(tmp_path: Path, missing: str):
    async with running("police", tmp_path) as police:
        broken = {k: v for k, v in eido("i1").items() if k != missing}
        assert await post(police, broken) == 400
        assert (await police.ledger())["received"] == 0
