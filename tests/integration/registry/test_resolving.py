"""Asking the registry who is responsible."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from mesh import rpc
from mesh.errors import InvalidArgumentError
from songtor.registry.v1 import registry_pb2
from songtor.type.v1 import type_pb2
from tests.integration.registry.hall import CHIANG_MAI, POLICIES, Registry, open_registry

MONDAY_NOON = datetime(2026, 4, 20, 5, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module")
async def registry(database: str) -> AsyncIterator[Registry]:
    async with open_registry(database) as running:
        await running.release(CHIANG_MAI)
        yield running


def question(**fields: object) -> registry_pb2.Question:
    at = Timestamp()
    at.FromDatetime(MONDAY_NOON)
    given = {
        "place": type_pb2.Place(district_code="5007"),
        "problem_type": "trafficking",
        "urgency": type_pb2.URGENCY_URGENT,
        "at": at,
    }
    return registry_pb2.Question(**{**given, **fields})


async def resolve(
    registry: Registry, *questions: registry_pb2.Question
) -> list[registry_pb2.Resolution]:
    request = registry_pb2.ResolveUnitsRequest(questions=questions)
    return list((await rpc.call(registry.stub.ResolveUnits, request)).resolutions)


async def test_an_answer_ranks_units_gives_reasons_and_names_what_made_it(
    registry: Registry,
) -> None:
    (answer,) = await resolve(registry, question(declined=["TH-RTP-5007-001"]))
    assert answer.rule == "trafficking"
    assert list(answer.fallback_chain) == ["district"]
    assert (answer.ranked[0].unit_id, answer.ranked[0].reason) == ("TH-RTP-5007-002", "chosen")
    assert 0 < answer.ranked[0].distance_km < 20
    assert ("TH-RTP-5007-001", "declined_before") in {
        (c.unit_id, c.reason) for c in answer.passed_over
    }
    assert [s.ranked[0].unit_id for s in answer.supporting] == ["TH-MSDHS-5001-001"]
    assert answer.versions.registry_version == registry.current.release().version
    assert answer.versions.registry_digest == registry.current.release().digest
    assert answer.versions.policy_digest == POLICIES.digest
    assert answer.versions.policy_versions["routing"] == POLICIES.versions["routing"].version


async def test_500_questions_are_answered_in_their_order(registry: Registry) -> None:
    problems = list(POLICIES.problem_types)
    asked = [question(problem_type=problems[n % len(problems)]) for n in range(500)]
    answers = await resolve(registry, *asked)
    expected = {p: (await resolve(registry, question(problem_type=p)))[0] for p in problems}
    assert answers == [expected[q.problem_type] for q in asked]


async def test_a_place_that_nobody_knows_goes_to_the_central_desk(registry: Registry) -> None:
    (answer,) = await resolve(registry, question(place=type_pb2.Place()))
    assert answer.ranked[0].unit_id == "TH-DESK-1008-001"
    assert answer.ranked[0].distance_km == -1
    assert list(answer.fallback_chain) == ["central_desk"]
    assert answer.rule == ""


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"problem_type": ""}, "INVALID_FIELDS"),
        ({"place": type_pb2.Place(province_code="chiang mai")}, "INVALID_FIELDS"),
        ({"at": None}, "INVALID_FIELDS"),
        ({"at": Timestamp(seconds=10**12)}, "INVALID_FIELDS"),
        ({"at": Timestamp(seconds=4_000_000_000)}, "AT_OUT_OF_RANGE"),
    ],
)
async def test_a_question_that_has_no_answer_is_refused(
    registry: Registry, fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await resolve(registry, question(**fields))
    assert refused.value.reason == reason
