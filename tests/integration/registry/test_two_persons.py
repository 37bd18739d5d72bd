"""A release is made by two persons, opens no gap unless they say why, and can be read later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from directory.dated import Affiliation, Capacity, Mandate
from directory.model import Unit, digest_of
from directory.releasing import import_units, propose_release
from mesh import rpc
from mesh.errors import AbortedError, InvalidArgumentError, NotFoundError
from songtor.registry.v1 import registry_pb2
from tests.integration.registry.hall import CHIANG_MAI, Registry, open_registry

SHELTER = next(u for u in CHIANG_MAI if u.unit_type == "family_shelter")
WITHOUT_SHELTER = [u for u in CHIANG_MAI if u != SHELTER]
RENAMED = [replace(u, name_en="Renamed") if u == SHELTER else u for u in CHIANG_MAI]


@pytest_asyncio.fixture
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        await running.release(CHIANG_MAI)
        yield running


async def propose(registry: Registry, units: Sequence[Unit]) -> registry_pb2.ProposeReleaseResponse:
    return await propose_release(registry.channel, units, author="officer-1", reason="a change")


async def approve(registry: Registry, proposal_id: str, **fields: str) -> registry_pb2.Release:
    given = {"approver": "officer-2", **fields}
    request = registry_pb2.ApproveReleaseRequest(proposal_id=proposal_id, **given)
    answer = await rpc.call(registry.stub.ApproveRelease, request, timeout=30)
    return answer.release


async def unit_of(registry: Registry, **fields: object) -> registry_pb2.GetUnitResponse:
    request = registry_pb2.GetUnitRequest(unit_id=SHELTER.id, **fields)
    return await rpc.call(registry.stub.GetUnit, request)


async def test_a_proposal_says_what_it_would_change_and_changes_nothing(
    registry: Registry,
) -> None:
    before = registry.current.release()
    review = await propose(registry, RENAMED)
    assert (review.added, review.changed, review.ended) == (0, 1, 0)
    assert review.base_version == before.version
    assert list(review.opened) == []
    assert registry.current.release() == before


async def test_a_second_person_puts_it_in_force_and_both_are_on_record(registry: Registry) -> None:
    review = await propose(registry, RENAMED)
    release = await approve(registry, review.proposal_id)
    assert release.digest == digest_of(RENAMED)
    assert (release.author, release.approved_by) == ("officer-1", "officer-2")
    assert registry.current.release().version == release.version


async def test_the_author_is_no_second_person(registry: Registry) -> None:
    review = await propose(registry, RENAMED)
    with pytest.raises(InvalidArgumentError) as refused:
        await approve(registry, review.proposal_id, approver="Officer-1")
    assert refused.value.reason == "SAME_PERSON"


async def test_a_proposal_that_was_overtaken_is_refused(registry: Registry) -> None:
    review = await propose(registry, RENAMED)
    await registry.release([replace(u, phone="000-000-0001") for u in CHIANG_MAI])
    with pytest.raises(AbortedError) as refused:
        await approve(registry, review.proposal_id)
    assert refused.value.reason == "PROPOSAL_OUTDATED"


async def test_a_proposal_nobody_made_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFoundError):
        await approve(registry, "0198c0de-0000-7000-8000-000000000000")
    with pytest.raises(NotFoundError):
        await approve(registry, "no id at all")


async def test_a_release_that_opens_a_gap_is_refused_with_the_places(registry: Registry) -> None:
    before = registry.current.release()
    with pytest.raises(InvalidArgumentError) as refused:
        await import_units(registry.channel, WITHOUT_SHELTER, author="officer-1", reason="why not")
    assert refused.value.reason == "OPENS_GAPS"
    assert {v.field[:2] for v in refused.value.violations} == {"50"}
    assert registry.current.release() == before


async def test_a_gap_is_taken_only_by_two_persons_with_a_reason(registry: Registry) -> None:
    review = await propose(registry, WITHOUT_SHELTER)
    assert {finding.place[:2] for finding in review.opened} == {"50"}
    with pytest.raises(InvalidArgumentError) as refused:
        await approve(registry, review.proposal_id)
    assert refused.value.reason == "OPENS_GAPS"
    release = await approve(registry, review.proposal_id, override_reason="the house burnt down")
    assert release.digest == digest_of(WITHOUT_SHELTER)
    leaf = await registry.rows("SELECT facts FROM audit_leaf ORDER BY id DESC LIMIT 1")
    assert leaf[0]["facts"]["gaps_overridden"] is True


async def test_closing_a_gap_needs_no_override(registry: Registry) -> None:
    await registry.release(WITHOUT_SHELTER)
    await import_units(registry.channel, CHIANG_MAI, author="officer-1", reason="built anew")
    assert registry.current.release().digest == digest_of(CHIANG_MAI)


async def test_what_was_true_then_can_be_read_now(registry: Registry) -> None:
    then = Timestamp()
    then.FromDatetime(registry.clock.now())
    registry.clock.advance(timedelta(days=1))
    await registry.release(RENAMED)
    now = await unit_of(registry, with_history=True)
    assert now.unit.name_en == "Renamed"
    assert now.history[-1].unit.name_en == "Renamed"
    assert not now.history[-1].HasField("until")
    assert now.history[-2].unit.name_en == SHELTER.name_en
    assert now.history[-2].until == now.history[-1].since
    assert now.history[-1].since.reason == "a test"
    assert (await unit_of(registry, as_of=then)).unit.name_en == SHELTER.name_en
    page = await registry.page(as_of=then, agency="msdhs", province_code="50", role="shelter")
    assert SHELTER.name_en in [unit.name_en for unit in page.units]
    first = Timestamp()
    first.FromJsonString("2020-01-01T00:00:00Z")
    with pytest.raises(NotFoundError):
        await unit_of(registry, as_of=first)


async def test_dated_facts_come_back_as_they_went(registry: Registry) -> None:
    dated = replace(
        SHELTER,
        target_groups=("child", "woman"),
        valid_from="2020-01-01",
        affiliations=(
            Affiliation("msdhs", "2010-01-01", "2024-10-01"),
            Affiliation("provincial_administration", "2024-10-01", ""),
        ),
        capacity=(Capacity("bed", 20, 3, "2026-03-01T00:00:00Z"),),
        mandates=(
            Mandate(
                "area", "5007", "shelter", ("violence",), "2026-01-01", "", "governor", "1/2569"
            ),
        ),
    )
    units = [dated if u == SHELTER else u for u in CHIANG_MAI]
    release = await registry.release(units)
    assert release.digest == digest_of(units)
    assert dated in await registry.units_of(release.version)
    answer = await unit_of(registry)
    assert answer.unit.mandates[0].reference == "1/2569"
