"""A case is reported: referrals, assignments, decisions, deliveries, announcements."""

from __future__ import annotations

from uuid import uuid4

import pytest

from mesh.errors import NotFoundError
from mesh.messaging import Event
from services.routing.announcing import partition_of
from songtor.routing.v1 import events_pb2, routing_pb2
from songtor.type.v1 import type_pb2
from tests.fakes.town import NOWHERE
from tests.integration.routing.hub import Hub, case_in, reported
from tests.unit.routing.making import NOW, an_id


async def test_a_report_becomes_a_referral_an_assignment_and_a_delivery(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy")
    assignment = await hub.only(case_id)
    assert (assignment["unit_id"], assignment["state"], assignment["version"]) == (
        "HOSPITAL-1",
        "requested",
        1,
    )
    assert assignment["requested_at"] == NOW
    (delivery,) = await hub.deliveries(case_id)
    assert (delivery["agency"], delivery["case_seq"], delivery["state"]) == (
        "public_health",
        1,
        "created",
    )
    assert sorted(await hub.subjects(case_id)) == [
        "assignment.v1.requested",
        f"delivery.v1.public_health.{partition_of(case_id)}",
        "referral.v1.active",
    ]


async def test_what_is_announced_is_complete(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy", urgency="urgent")
    ((_, changed),) = await hub.announced(case_id, "assignment")
    assert changed.assignment.state == routing_pb2.ASSIGNMENT_STATE_REQUESTED
    assert changed.previous == routing_pb2.ASSIGNMENT_STATE_UNSPECIFIED
    assert changed.ministry == "public_health"
    assert changed.unit_province_code == "50"
    assert changed.problem_type == "unready_pregnancy"
    assert changed.scope.urgency == type_pb2.URGENCY_URGENT
    assert changed.occurred_at.ToDatetime().timestamp() > 0
    ((_, carried),) = await hub.announced(case_id, "delivery")
    assert carried.kind == events_pb2.DELIVERY_KIND_OFFER
    assert carried.case_seq == 1
    assert carried.unit_external_ids == {"town": "hospital-1"}
    assert carried.safe_contact.contact_prohibited
    assert carried.people[0].pseudonym == "P1"
    assert carried.need_summary
    ((_, opened),) = await hub.announced(case_id, "referral")
    assert (opened.state, opened.problem_type) == ("active", "unready_pregnancy")


async def test_an_emergency_asks_station_and_shelter_in_one_transaction(hub: Hub) -> None:
    case_id = await hub.report("violence", ess_cause="threat", urgency="crisis")
    found = await hub.assignments(case_id)
    assert [(a["unit_id"], a["part"]) for a in found] == [
        ("STATION-1", "lead"),
        ("SHELTER", "supporting"),
    ]
    assert [(d["agency"], d["case_seq"]) for d in await hub.deliveries(case_id)] == [
        ("msdhs", 1),
        ("police", 1),
    ]
    (fast,) = await hub.rows(
        "SELECT min(priority) AS first FROM outbox WHERE subject LIKE 'delivery%'"
    )
    assert fast["first"] == 0


async def test_two_problems_with_one_agency_are_numbered_one_after_the_other(hub: Hub) -> None:
    case_id = await hub.report("violence", "other")
    assert [(d["agency"], d["case_seq"]) for d in await hub.deliveries(case_id)] == [
        ("msdhs", 1),
        ("msdhs", 2),
    ]


async def test_the_decision_can_be_explained_with_its_versions(hub: Hub) -> None:
    case_id = await hub.report("violence", excluded=["OFFICE"])
    assignment = await hub.only(case_id)
    found = await hub.servicer().Explain(
        routing_pb2.ExplainRequest(assignment_id=str(assignment["assignment_id"])), None
    )
    assert found.rule == "violence"
    seen = {c.unit_id: c.reason for c in found.candidates}
    assert seen["SHELTER"] == "chosen"
    assert seen["OFFICE"] == "excluded"
    assert found.fallback_chain
    assert found.versions.registry_version == 1
    assert found.versions.registry_digest == hub.directory[-1].digest
    assert found.versions.policy_digest == hub.parts.policies.digest
    assert found.versions.policy_versions == hub.parts.policies.version_numbers()


async def test_a_unit_without_a_system_is_assigned_and_nothing_is_carried(hub: Hub) -> None:
    case_id = await hub.report("other", province=NOWHERE)
    assignment = await hub.only(case_id)
    assert (assignment["unit_id"], assignment["adapter"]) == ("CENTRAL-DESK", "")
    assert await hub.deliveries(case_id) == []
    assert sorted(await hub.subjects(case_id)) == [
        "assignment.v1.requested",
        "referral.v1.active",
        "referral.v1.unroutable",
    ]


async def test_when_all_are_excluded_nobody_hears_but_the_referral_is_announced(hub: Hub) -> None:
    everybody = [f"agency:{agency}" for agency in hub.parts.policies.agencies]
    case_id = await hub.report("violence", excluded=everybody)
    assert await hub.assignments(case_id) == []
    assert await hub.deliveries(case_id) == []
    assert sorted(await hub.subjects(case_id)) == ["referral.v1.active", "referral.v1.unroutable"]
    (referral,) = await hub.rows("SELECT * FROM referral WHERE case_id = :id", id=case_id)
    (decision,) = await hub.rows(
        "SELECT * FROM decision WHERE referral_id = :id", id=referral["referral_id"]
    )
    reasons = {reason for _, reason in decision["candidates"]}
    assert reasons == {"excluded"}
    assert await hub.leaves(decision["decision_id"]) == ["nobody_found"]


async def test_the_same_case_told_twice_is_routed_once(hub: Hub) -> None:
    case_id = uuid4()
    for _ in range(2):
        await hub.report("other", case_id=case_id)
    await hub.only(case_id)
    # Also within one batch.
    other = uuid4()
    await hub.say([reported("other", case_id=other), reported("other", case_id=other)])
    await hub.only(other)


async def test_one_message_that_cannot_be_read_holds_no_other_up(hub: Hub) -> None:
    broken = Event(an_id("broken"), "case.v1.reported.normal", b"\xff\xff\xff")
    nameless = Event(an_id("nameless"), "case.v1.reported.normal", b"")
    good = [reported("other") for _ in range(3)]
    await hub.say([good[0], broken, good[1], nameless, good[2]])
    for event in good:
        await hub.only(case_in(event))
    assert await hub.parked(broken.event_id) == "UNREADABLE"
    assert await hub.parked(nameless.event_id) == "UNREADABLE"


async def test_news_goes_back_to_the_agency_that_reported(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy", source="agency:ngo")
    ((_, told),) = await hub.announced(case_id, "delivery.v1.ngo")
    assert told.kind == events_pb2.DELIVERY_KIND_STATUS
    assert told.status == "requested"
    assert told.report_id
    assert not told.people
    assert not told.need_summary


async def test_no_news_to_an_agency_that_is_excluded_unknown_or_does_the_work_itself(
    hub: Hub,
) -> None:
    excluded = await hub.report("other", source="agency:ngo", excluded=["agency:ngo"])
    implicated = await hub.report(
        "other", source="agency:ngo", excluded=["NGO"], receiving_unit_id="NGO"
    )
    unknown = await hub.report("other", source="agency:education")
    itself = await hub.report("other", source="agency:msdhs")
    for case_id in (excluded, implicated, unknown):
        assert [d["kind"] for d in await hub.deliveries(case_id)] == ["offer"]
    assert [d["kind"] for d in await hub.deliveries(itself)] == ["offer"]


async def test_every_decision_leaves_an_audit_leaf(hub: Hub) -> None:
    case_id = await hub.report("trafficking")
    for assignment in await hub.assignments(case_id):
        assert await hub.leaves(assignment["assignment_id"]) == ["assignment_requested"]


async def test_a_cases_referrals_are_told_and_an_unknown_case_is_not_found(hub: Hub) -> None:
    case_id = await hub.report("other")
    known = await hub.servicer().GetReferrals(
        routing_pb2.GetReferralsRequest(case_id=str(case_id)), None
    )
    (referral,) = known.referrals
    assert (referral.part, referral.state) == ("lead", "active")
    assert [m.kind for m in referral.milestones] == ["submitted"]
    assert referral.assignments[0].unit_id == "SHELTER"
    with pytest.raises(NotFoundError):
        await hub.servicer().GetReferrals(
            routing_pb2.GetReferralsRequest(case_id=str(uuid4())), None
        )
