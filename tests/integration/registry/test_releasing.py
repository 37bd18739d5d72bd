"""Directories come into force whole or not at all, and no version of a unit is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
import pytest_asyncio

from directory.model import digest_of
from mesh import rpc
from mesh.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from sandbox.national import national_units
from songtor.registry.v1 import events_pb2, registry_pb2
from tests.integration.registry.hall import CHIANG_MAI, START, Registry, open_registry


@pytest_asyncio.fixture(scope="module")
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        yield running


async def test_before_the_first_release_nothing_is_answered(registry: Registry) -> None:
    with pytest.raises(FailedPreconditionError) as refused:
        await registry.page()
    assert refused.value.reason == "NO_RELEASE"


async def test_the_whole_country_is_released_and_read_back(registry: Registry) -> None:
    release = await registry.release(national_units())
    assert release.unit_count == len(national_units())
    assert release.digest == digest_of(national_units())
    assert release.released_at.ToDatetime(START.tzinfo) == START
    assert tuple(registry.current.snapshot().units.values()) == national_units()
    seen, token = [], ""
    while True:
        page = await registry.page(page_size=1000, page_token=token)
        seen += [unit.unit_id for unit in page.units]
        if not (token := page.next_page_token):
            break
    assert seen == [unit.id for unit in national_units()]


async def test_one_unit_is_found_by_its_id_with_the_release_it_was_read_from(
    registry: Registry,
) -> None:
    release = await registry.release(CHIANG_MAI)
    request = registry_pb2.GetUnitRequest(unit_id="TH-RTP-5007-001")
    answer = await rpc.call(registry.stub.GetUnit, request)
    assert answer.unit.name_th == "สถานีตำรวจภูธรแม่ริม"
    assert answer.release == release


async def test_a_unit_that_is_not_there_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFoundError):
        await rpc.call(registry.stub.GetUnit, registry_pb2.GetUnitRequest(unit_id="nobody"))


async def test_lists_are_filtered(registry: Registry) -> None:
    await registry.release(CHIANG_MAI)
    page = await registry.page(agency="msdhs", province_code="50", role="responder")
    assert [unit.unit_type for unit in page.units] == ["family_shelter"]
    assert page.next_page_token == ""


async def test_the_same_directory_keeps_its_version(registry: Registry) -> None:
    first = await registry.release(CHIANG_MAI)
    assert await registry.release(CHIANG_MAI[::-1]) == first


async def test_a_change_is_a_new_version_and_the_old_one_is_still_there(
    registry: Registry,
) -> None:
    before = await registry.release(CHIANG_MAI)
    station = next(u for u in CHIANG_MAI if u.id == "TH-RTP-5007-001")
    changed = [replace(u, suspended=u == station) for u in CHIANG_MAI if u.unit_type != "ngo"]
    after = await registry.release(changed)
    assert after.version == before.version + 1
    assert await registry.units_of(before.version) == list(CHIANG_MAI)
    assert await registry.units_of(after.version) == changed
    versions = await registry.rows(f"SELECT count(*) FROM unit WHERE id = '{station.id}'")
    assert versions[0]["count"] >= 2


async def test_a_release_is_announced_and_leaves_a_leaf(registry: Registry) -> None:
    release = await registry.release([replace(u, phone="000-009-9999") for u in CHIANG_MAI])
    told = await registry.rows("SELECT subject, payload FROM outbox ORDER BY id DESC LIMIT 1")
    assert told[0]["subject"] == "registry.v1.released"
    assert events_pb2.RegistryReleased.FromString(told[0]["payload"]).release == release
    leaf = await registry.rows("SELECT action, subject_id FROM audit_leaf ORDER BY id DESC LIMIT 1")
    assert dict(leaf[0]) == {"action": "directory_released", "subject_id": str(release.version)}


async def test_a_faulty_directory_changes_nothing_and_every_fault_is_named(
    registry: Registry,
) -> None:
    before = await registry.release(CHIANG_MAI)
    faulty = [replace(CHIANG_MAI[0], agency="nobody"), *CHIANG_MAI[1:], CHIANG_MAI[-1]]
    with pytest.raises(InvalidArgumentError) as refused:
        await registry.release(faulty)
    assert refused.value.reason == "FAULTY_DIRECTORY"
    assert {(v.field, v.reason) for v in refused.value.violations} == {
        (f"{CHIANG_MAI[0].id}.agency", "UNKNOWN_CODE"),
        (f"{CHIANG_MAI[-1].id}.unit_id", "DUPLICATE_ID"),
    }
    assert await registry.release(CHIANG_MAI) == before


async def test_a_field_that_breaks_the_contract_is_refused(registry: Registry) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await registry.release([replace(CHIANG_MAI[0], name_th="")])
    assert [v.field for v in refused.value.violations] == ["units[0].name_th"]


async def test_who_releases_and_why_must_be_said(registry: Registry) -> None:
    async def chunks() -> AsyncIterator[registry_pb2.ImportUnitsRequest]:
        yield registry_pb2.ImportUnitsRequest(author="officer-1")

    with pytest.raises(InvalidArgumentError) as refused:
        await rpc.call(registry.stub.ImportUnits, chunks())
    assert refused.value.reason == "AUTHOR_AND_REASON_NEEDED"


async def test_two_imports_at_once_follow_each_other(registry: Registry) -> None:
    before = await registry.release(CHIANG_MAI)
    one = [replace(u, suspended=True) if u.id == "TH-RTP-5007-001" else u for u in CHIANG_MAI]
    other = [replace(u, suspended=True) if u.id == "TH-RTP-5007-002" else u for u in CHIANG_MAI]
    releases = await asyncio.gather(registry.release(one), registry.release(other))
    assert sorted(r.version - before.version for r in releases) == [1, 2]
    by_digest = {digest_of(units): units for units in (one, other)}
    for release in releases:
        assert await registry.units_of(release.version) == by_digest[release.digest]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM unit",
        "UPDATE unit SET name_th = 'x'",
        "UPDATE release SET digest = 'x'",
        "DELETE FROM release",
    ],
)
async def test_the_registrys_own_role_cannot_rewrite_history(
    registry: Registry, database: str, statement: str
) -> None:
    connection = await asyncpg.connect(
        _as_role(database), server_settings={"search_path": "registry"}
    )
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


def _as_role(address: str) -> str:
    _, _, place = address.rpartition("@")
    return f"postgresql://songtor_registry:test@{place}"
