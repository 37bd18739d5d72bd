"""Where a pin lies, who is on duty, and a problem type that came as data only."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from directory.decide import Decider
from directory.model import Snapshot
from directory.places.names import districts
from directory.proof.proving import prove
from mesh import rpc
from mesh.errors import InvalidArgumentError
from policies.reader import DATA, load
from sandbox.national import national_units
from songtor.registry.v1 import registry_pb2
from songtor.type.v1 import type_pb2
from tests.integration.registry.hall import CHIANG_MAI, START, Registry, open_registry

OFFICE = "TH-MSDHS-5001-001"
STATION = "TH-RTP-5007-001"
MIDNIGHT = datetime(2026, 4, 13, 17, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module")
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        await running.release(CHIANG_MAI)
        yield running


def stamp(at: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(at)
    return made


async def located(registry: Registry, *queries: registry_pb2.PlaceQuery) -> list[Any]:
    request = registry_pb2.LocatePlacesRequest(places=queries)
    answer = await rpc.call(registry.stub.LocatePlaces, request, timeout=20)
    return list(answer.places)


async def test_pins_words_and_codes_are_answered_in_the_order_they_were_asked(
    registry: Registry,
) -> None:
    pin, words, code, sea, nothing = await located(
        registry,
        registry_pb2.PlaceQuery(point=type_pb2.GeoPoint(latitude=18.79, longitude=98.98)),
        registry_pb2.PlaceQuery(text="ต.ริมใต้ อ.แม่ริม จ.เชียงใหม่"),
        registry_pb2.PlaceQuery(code="500701"),
        registry_pb2.PlaceQuery(point=type_pb2.GeoPoint(latitude=9.0, longitude=101.3)),
        registry_pb2.PlaceQuery(text="nowhere at all"),
    )
    assert pin.quality == "approximate"
    assert pin.candidates[0].approximate
    assert pin.candidates[0].place.province_code == "50"
    assert pin.candidates[0].place.point.latitude == 18.79
    assert words.candidates[0].place == code.candidates[0].place
    assert code.candidates[0].name_th == "ริมใต้ แม่ริม เชียงใหม่"
    assert code.candidates[0].name_en == "Rim Tai, Mae Rim, Chiang Mai"
    assert list(code.candidates[0].post_codes) == ["50180"]
    assert (sea.quality, nothing.quality) == ("abroad", "unknown")


def shift(officer: str, rank: int, start: datetime, hours: int = 8) -> registry_pb2.DutyShift:
    return registry_pb2.DutyShift(
        unit_id=STATION,
        officer=officer,
        rank=rank,
        contact=f"{officer}@unit.example",
        starts_at=stamp(start),
        ends_at=stamp(start + timedelta(hours=hours)),
    )


async def set_duty(registry: Registry, *shifts: registry_pb2.DutyShift, **fields: Any) -> Any:
    given = {"author": "officer-1", "reason": "a rota", "unit_ids": [STATION], **fields}
    request = registry_pb2.SetDutyRequest(shifts=shifts, **given)
    return await rpc.call(registry.stub.SetDuty, request)


async def on_duty(registry: Registry, at: datetime) -> tuple[list[str], list[bool]]:
    request = registry_pb2.GetDutyRequest(unit_ids=[STATION, OFFICE, "nobody"], at=stamp(at))
    answer = await rpc.call(registry.stub.GetDuty, request)
    officers = [turn.officer for unit in answer.units for turn in unit.on_duty]
    return officers, [unit.is_open for unit in answer.units]


async def test_who_is_on_duty_at_an_instant_with_the_deputies_in_order(registry: Registry) -> None:
    await set_duty(
        registry,
        shift("night-deputy", 1, MIDNIGHT),
        shift("night", 0, MIDNIGHT),
        shift("day", 0, MIDNIGHT + timedelta(hours=8)),
    )
    assert await on_duty(registry, MIDNIGHT) == (["night", "night-deputy"], [True, False, False])
    assert (await on_duty(registry, MIDNIGHT + timedelta(hours=8)))[0] == ["day"]
    assert (await on_duty(registry, MIDNIGHT + timedelta(hours=16)))[0] == []
    monday = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    assert (await on_duty(registry, monday))[1] == [True, True, False]


async def test_a_new_rota_withdraws_what_had_not_begun_and_keeps_it_on_record(
    registry: Registry,
) -> None:
    await set_duty(registry, shift("first", 0, START + timedelta(days=2)))
    answer = await set_duty(registry, shift("second", 0, START + timedelta(days=2)))
    assert (answer.taken, answer.withdrawn >= 1) == (1, True)
    assert (await on_duty(registry, START + timedelta(days=2)))[0] == ["second"]
    kept = await registry.rows("SELECT count(*) FROM duty_shift WHERE officer = 'first'")
    assert kept[0]["count"] == 1


async def test_a_faulty_rota_is_refused_whole_with_every_fault(registry: Registry) -> None:
    before = await registry.rows("SELECT count(*) FROM duty_shift")
    turned = shift("turned", 2, MIDNIGHT, hours=0)
    other = shift("other", 3, MIDNIGHT)
    other.unit_id = OFFICE
    with pytest.raises(InvalidArgumentError) as refused:
        await set_duty(
            registry,
            shift("a", 0, MIDNIGHT),
            shift("b", 0, MIDNIGHT + timedelta(hours=1)),
            turned,
            other,
            unit_ids=[STATION, "nobody"],
        )
    assert {v.reason for v in refused.value.violations} == {
        "UNKNOWN_UNIT",
        "OTHER_UNIT",
        "TURNED_PERIOD",
        "OVERLAPPING_TURNS",
    }
    assert await registry.rows("SELECT count(*) FROM duty_shift") == before


ELDER = """
  - code: elder_neglect
    name: {th: ผู้สูงอายุถูกทอดทิ้ง, en: Neglected older person}
    host_agency: msdhs
    template: other
    crisis_hints: []
    required: []
    asked: []
    source: proposed
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return the shipped policies with a problem type more, as data."""
    folder = tmp_path / "policies"
    shutil.copytree(DATA, folder)
    problems = folder / "problems.yaml"
    text = problems.read_text(encoding="utf-8")
    problems.write_text(text.replace("\ness_causes:", f"{ELDER}\ness_causes:"), encoding="utf-8")
    return folder


def serving(units: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the units with offices and shelters that serve the new problem."""
    return tuple(
        replace(u, problem_types=(*u.problem_types, "elder_neglect"))
        if u.unit_type in ("provincial_office", "family_shelter", "mobile_unit", "ngo")
        or (u.unit_type == "hotline_centre" and "front_line_2" in u.roles)
        or u.unit_type in ("police_station", "destitute_centre")
        else u
        for u in units
    )


async def test_a_problem_type_more_needs_no_code_from_release_to_answer(
    files: Path, database: str
) -> None:
    policies = load(files)
    async with open_registry(database, policies=policies) as registry:
        await registry.release(serving(CHIANG_MAI))
        question = registry_pb2.Question(
            place=type_pb2.Place(subdistrict_code="500701"),
            problem_type="elder_neglect",
            urgency=type_pb2.URGENCY_CRISIS,
            at=stamp(MIDNIGHT),
        )
        request = registry_pb2.ResolveUnitsRequest(questions=[question])
        answer = await rpc.call(registry.stub.ResolveUnits, request)
        assert answer.resolutions[0].ranked[0].unit_id == "TH-MSDHS-5001-002"
        assert answer.resolutions[0].rule == "crisis_province"


def test_a_problem_type_more_is_proved_only_once_units_serve_it(files: Path) -> None:
    decider, at = Decider(load(files)), START
    country = {code: inside for code, inside in districts().items() if code in ("1001", "5001")}
    without = prove(Snapshot.of(1, national_units()), decider, country, at, again=False)
    assert {"elder_neglect" in finding.what for finding in without.findings} == {True}
    served = prove(Snapshot.of(1, serving(national_units())), decider, country, at)
    assert served.findings == ()
