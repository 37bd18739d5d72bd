"""Agencies' systems tell what they did: doubled, out of order, skipping, wrong, hostile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import permutations
from uuid import UUID, uuid4

from mesh.database import Row
from mesh.messaging import Event
from songtor.routing.v1 import events_pb2
from tests.integration.routing.hub import Hub, acted, receipt

HOSPITAL = "public_health"


async def offered(hub: Hub, *problems: str, source: str = "door:website") -> tuple[UUID, Row]:
    """Report a case and return it with its first delivery."""
    case_id = await hub.report(*(problems or ("unready_pregnancy",)), source=source)
    delivery = next(d for d in await hub.deliveries(case_id) if d["kind"] == "offer")
    return case_id, delivery


async def state_of(hub: Hub, delivery: Row) -> tuple[str, int]:
    (row,) = await hub.rows(
        "SELECT state, version FROM assignment WHERE assignment_id = :id",
        id=delivery["assignment_id"],
    )
    return row["state"], row["version"]


async def test_a_receipt_marks_the_delivery_and_the_assignment(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    await hub.receives(HOSPITAL, delivery)
    (row,) = await hub.deliveries(case_id)
    assert (row["state"], row["agency_record_id"], row["next_offer_at"]) == (
        "received",
        "RECORD-1",
        None,
    )
    assert await state_of(hub, delivery) == ("received", 2)
    subjects = await hub.subjects(case_id)
    assert {"assignment.v1.received", "milestone.v1.delivered"} <= set(subjects)


async def test_a_whole_way_is_heard_and_told_to_the_sender_in_order(hub: Hub) -> None:
    case_id, delivery = await offered(hub, source="agency:ngo")
    await hub.receives(HOSPITAL, delivery)
    for action in ("accept", "start", "record_reached", "complete"):
        hub.clock.advance(timedelta(minutes=1))
        await hub.tells(HOSPITAL, delivery["assignment_id"], action)
    assert await state_of(hub, delivery) == ("completed", 5)
    told = await hub.deliveries(case_id, "ngo")
    assert [d["status"] for d in told] == [
        "requested",
        "received",
        "accepted",
        "in_progress",
        "reached",
        "completed",
    ]
    assert [d["case_seq"] for d in told] == [1, 2, 3, 4, 5, 6]
    assert await hub.subjects(case_id, "milestone") == [
        "milestone.v1.delivered",
        "milestone.v1.accepted",
        "milestone.v1.reached",
        "milestone.v1.closed",
    ]


async def test_a_receipt_for_news_to_the_sender_moves_no_assignment(hub: Hub) -> None:
    case_id, delivery = await offered(hub, source="agency:ngo")
    (news,) = await hub.deliveries(case_id, "ngo")
    await hub.receives("ngo", news)
    (news,) = await hub.deliveries(case_id, "ngo")
    assert news["state"] == "received"
    assert await state_of(hub, delivery) == ("requested", 1)


async def test_the_same_news_twice_has_one_effect(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    event = acted(HOSPITAL, delivery["assignment_id"], "accept", at=hub.clock.now())
    await hub.say([event, event])
    await hub.say([event])
    # The same fact under another id is known already.
    await hub.tells(HOSPITAL, delivery["assignment_id"], "accept")
    assert await state_of(hub, delivery) == ("accepted", 2)
    assert (await hub.subjects(case_id)).count("assignment.v1.accepted") == 1
    assert "update_ignored" in await hub.leaves(delivery["assignment_id"])


async def test_two_receipts_for_one_delivery_have_one_effect(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    now = hub.clock.now()
    await hub.say([receipt(HOSPITAL, delivery, at=now), receipt(HOSPITAL, delivery, at=now)])
    assert (await hub.subjects(case_id)).count("milestone.v1.delivered") == 1
    assert await state_of(hub, delivery) == ("received", 2)


async def test_news_of_another_agencys_assignment_is_dropped_as_if_it_were_absent(
    hub: Hub,
) -> None:
    case_id, delivery = await offered(hub)
    before = await hub.subjects(case_id)
    absent = uuid4()
    for assignment_id in (delivery["assignment_id"], absent):
        update_id = await hub.tells("police", assignment_id, "accept")
        assert await hub.parked(update_id) == ""
        assert (await hub.leaves(assignment_id))[-1] == "update_not_its_own"
    await hub.receives("police", delivery)
    assert await state_of(hub, delivery) == ("requested", 1)
    assert await hub.subjects(case_id) == before


async def test_a_receipt_for_another_assignment_than_its_deliverys_is_dropped(hub: Hub) -> None:
    _, delivery = await offered(hub)
    _, other = await offered(hub)
    crossed = receipt(
        HOSPITAL, delivery, at=hub.clock.now(), assignment_id=str(other["assignment_id"])
    )
    unknown = receipt(HOSPITAL, delivery, at=hub.clock.now(), delivery_id=str(uuid4()))
    await hub.say([crossed, unknown])
    assert await state_of(hub, delivery) == ("requested", 1)
    assert await state_of(hub, other) == ("requested", 1)


async def test_news_that_overtook_other_news_waits_for_its_turn(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    at = hub.clock.now()
    minute = timedelta(minutes=1)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "complete", at=at + 3 * minute)
    assert await state_of(hub, delivery) == ("requested", 1)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "start", at=at + 2 * minute)
    assert await state_of(hub, delivery) == ("requested", 1)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "accept", at=at + minute)
    assert (await state_of(hub, delivery))[0] == "completed"
    changes = await hub.rows(
        "SELECT state_to FROM assignment_change WHERE assignment_id = :id ORDER BY version",
        id=delivery["assignment_id"],
    )
    assert changes[0]["state_to"] == "accepted"
    assert changes[-1]["state_to"] == "completed"
    held = await hub.rows(
        "SELECT outcome, waiting FROM held_update WHERE assignment_id = :id",
        id=delivery["assignment_id"],
    )
    assert [row["waiting"] for row in held] == [False, False]
    (row,) = await hub.rows(
        "SELECT held FROM assignment WHERE assignment_id = :id", id=delivery["assignment_id"]
    )
    assert row["held"] == 0
    assert "milestone.v1.closed" in await hub.subjects(case_id)


async def test_news_out_of_order_in_one_batch_needs_no_waiting(hub: Hub) -> None:
    _, delivery = await offered(hub)
    at = hub.clock.now()
    assignment_id = delivery["assignment_id"]
    await hub.say(
        [
            acted(HOSPITAL, assignment_id, "complete", at=at),
            acted(HOSPITAL, assignment_id, "accept", at=at),
            receipt(HOSPITAL, delivery, at=at),
        ]
    )
    assert (await state_of(hub, delivery))[0] == "completed"


async def test_in_whatever_order_a_units_news_arrives_it_ends_the_same(hub: Hub) -> None:
    life = ("accept", "hold", "start", "complete")
    orders = list(permutations(enumerate(life)))
    offers = [(await offered(hub))[1] for _ in orders]
    now = hub.clock.now()
    for turn in range(len(life)):
        await hub.say(
            [
                acted(
                    HOSPITAL,
                    delivery["assignment_id"],
                    action,
                    at=now + timedelta(minutes=place),
                    reason_code="waiting_court" if action == "hold" else "",
                )
                for delivery, order in zip(offers, orders, strict=True)
                for place, action in [order[turn]]
            ]
        )
    ends = {(await state_of(hub, delivery))[0] for delivery in offers}
    assert ends == {"completed"}
    ids = [delivery["assignment_id"] for delivery in offers]
    waiting = await hub.rows(
        "SELECT update_id FROM held_update WHERE waiting"
        " AND assignment_id = ANY(CAST(:ids AS uuid[]))",
        ids=ids,
    )
    assert not waiting


async def test_a_system_that_skips_states_is_believed_as_far_as_it_is_legal(hub: Hub) -> None:
    _, delivery = await offered(hub)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "accept")
    await hub.tells(HOSPITAL, delivery["assignment_id"], "complete")
    assert await state_of(hub, delivery) == ("completed", 3)
    _, other = await offered(hub)
    await hub.tells(HOSPITAL, other["assignment_id"], "complete")
    assert await state_of(hub, other) == ("requested", 1)


async def test_news_that_waits_too_long_is_shown_to_a_person_once_and_still_waits(
    hub: Hub,
) -> None:
    case_id, delivery = await offered(hub)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "complete")
    hub.clock.advance(timedelta(minutes=11))
    await hub.sweeper.sweep()
    await hub.sweeper.sweep()
    assert (await hub.subjects(case_id)).count("referral.v1.parked") == 1
    await hub.tells(HOSPITAL, delivery["assignment_id"], "accept")
    assert (await state_of(hub, delivery))[0] == "completed"


async def test_older_news_than_what_is_known_changes_nothing(hub: Hub) -> None:
    _, delivery = await offered(hub)
    assignment_id = delivery["assignment_id"]
    await hub.tells(HOSPITAL, assignment_id, "accept")
    at = hub.clock.now()
    await hub.tells(HOSPITAL, assignment_id, "hold", at=at, reason_code="waiting_court")
    before = await state_of(hub, delivery)
    await hub.tells(HOSPITAL, assignment_id, "start", at=at - timedelta(minutes=5))
    assert await state_of(hub, delivery) == before
    assert (await hub.leaves(assignment_id))[-1] == "update_ignored"


async def test_newer_news_that_cannot_be_is_set_aside_and_shown(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    assignment_id = delivery["assignment_id"]
    await hub.tells(HOSPITAL, assignment_id, "accept")
    hub.clock.advance(timedelta(minutes=1))
    update_id = await hub.tells(HOSPITAL, assignment_id, "decline", reason_code="no_capacity")
    assert await hub.parked(update_id) == "CONTRADICTS"
    assert await state_of(hub, delivery) == ("accepted", 2)
    assert "referral.v1.parked" in await hub.subjects(case_id)


async def test_a_bad_reason_is_set_aside_and_the_rest_of_the_batch_is_heard(hub: Hub) -> None:
    _, bad = await offered(hub)
    _, good = await offered(hub)
    at = hub.clock.now()
    unknown = acted(HOSPITAL, bad["assignment_id"], "decline", at=at, reason_code="tired")
    broken = Event(uuid4(), f"inbound.v1.{HOSPITAL}", b"\x08\xff\xff\xff")
    invalid = Event(
        uuid4(), f"inbound.v1.{HOSPITAL}", events_pb2.AgencyUpdate(kind=2).SerializeToString()
    )
    await hub.say(
        [unknown, broken, acted(HOSPITAL, good["assignment_id"], "accept", at=at), invalid]
    )
    assert await hub.parked(unknown.event_id) == "REASON_NEEDED"
    assert await hub.parked(broken.event_id) == "UNREADABLE"
    assert await hub.parked(invalid.event_id) == "INVALID_FIELDS"
    assert await state_of(hub, bad) == ("requested", 1)
    assert await state_of(hub, good) == ("accepted", 2)


async def test_news_from_the_future_is_set_aside_and_a_clock_a_little_fast_is_not(
    hub: Hub,
) -> None:
    _, delivery = await offered(hub)
    now = hub.clock.now()
    assignment_id = delivery["assignment_id"]
    far = await hub.tells(HOSPITAL, assignment_id, "accept", at=now + timedelta(minutes=11))
    assert await hub.parked(far) == "FROM_THE_FUTURE"
    assert await state_of(hub, delivery) == ("requested", 1)
    await hub.tells(HOSPITAL, assignment_id, "accept", at=now + timedelta(minutes=9))
    assert await state_of(hub, delivery) == ("accepted", 2)


async def test_a_decline_by_the_agencys_system_finds_the_next_unit_once(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    hub.clock.advance(timedelta(seconds=1))
    event = acted(
        HOSPITAL,
        delivery["assignment_id"],
        "decline",
        at=hub.clock.now(),
        reason_code="no_capacity",
    )
    await hub.say([event, event])
    first, second = await hub.assignments(case_id)
    assert (first["state"], second["state"]) == ("declined", "requested")
    assert second["unit_id"] == "HOSPITAL-2"
    again = await hub.tells(HOSPITAL, second["assignment_id"], "decline", reason_code="no_capacity")
    assert await hub.parked(again) == "DECLINED_BEFORE"
    assert len(await hub.assignments(case_id)) == 2
    assert "referral.v1.parked" in await hub.subjects(case_id)


async def test_a_delivery_that_cannot_be_carried_is_parked_and_shown(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    parked = receipt(
        HOSPITAL,
        delivery,
        at=hub.clock.now(),
        kind=events_pb2.UPDATE_KIND_PARKED,
        reason_code="SCHEMA",
    )
    await hub.say([parked])
    (row,) = await hub.deliveries(case_id)
    assert (row["state"], row["reason_code"]) == ("parked", "SCHEMA")
    assert (await hub.subjects(case_id)).count("referral.v1.parked") == 1
    # Mended by a person and carried after all.
    await hub.receives(HOSPITAL, delivery)
    (row,) = await hub.deliveries(case_id)
    assert row["state"] == "received"
    assert (await state_of(hub, delivery))[0] == "received"
    # What has arrived cannot be parked any more, whatever comes late.
    await hub.receives(HOSPITAL, delivery, kind=events_pb2.UPDATE_KIND_PARKED)
    (row,) = await hub.deliveries(case_id)
    assert row["state"] == "received"


async def test_a_receipt_that_crosses_a_cancellation_does_no_harm(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    await hub.act(
        delivery["assignment_id"], "cancel", role="sender", agency="hub", reason_code="duplicate"
    )
    hub.clock.advance(timedelta(seconds=5))
    await hub.receives(HOSPITAL, delivery)
    await hub.tells(HOSPITAL, delivery["assignment_id"], "accept")
    assert (await state_of(hub, delivery))[0] == "cancelled"
    assert "referral.v1.parked" not in await hub.subjects(case_id)


async def test_an_officer_and_the_agencys_system_at_once_make_one_acceptance(hub: Hub) -> None:
    case_id, delivery = await offered(hub)
    await asyncio.gather(
        hub.tells(HOSPITAL, delivery["assignment_id"], "accept"),
        hub.act(delivery["assignment_id"], "accept"),
    )
    assert await state_of(hub, delivery) == ("accepted", 2)
    assert (await hub.subjects(case_id)).count("assignment.v1.accepted") == 1
