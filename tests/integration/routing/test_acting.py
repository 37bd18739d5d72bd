"""Officers act through the hub: one wins, everybody gets an answer, nothing is done twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2

from services.routing.commands import acting
from services.routing.servicer import asked_by
from services.routing.storage import deliveries
from songtor.routing.v1 import events_pb2, routing_pb2
from tests.integration.routing.hub import Hub, wish
from tests.waiting import until


def details(result: routing_pb2.ActionResult) -> tuple[int, str, dict[str, str]]:
    """Return code, reason and metadata of a refusal."""
    assert result.WhichOneof("result") == "refusal"
    info = error_details_pb2.ErrorInfo()
    result.refusal.details[0].Unpack(info)
    return result.refusal.code, info.reason, dict(info.metadata)


async def offered(hub: Hub, **fields: Any) -> UUID:
    """Report a case for the hospital and return its assignment."""
    case_id = await hub.report("unready_pregnancy", **fields)
    found: UUID = (await hub.only(case_id))["assignment_id"]
    return found


async def test_an_act_moves_the_assignment_and_is_announced(hub: Hub) -> None:
    assignment_id = await offered(hub)
    result = await hub.act(assignment_id, "accept", expected_version=1)
    assert result.assignment.state == routing_pb2.ASSIGNMENT_STATE_ACCEPTED
    assert result.assignment.version == 2
    case_id = UUID(result.assignment.case_id)
    assert "assignment.v1.accepted" in await hub.subjects(case_id)
    assert "milestone.v1.accepted" in await hub.subjects(case_id)
    assert await hub.leaves(assignment_id) == ["assignment_requested", "assignment_accept"]
    (change,) = await hub.rows(
        "SELECT * FROM assignment_change WHERE assignment_id = :id", id=assignment_id
    )
    assert (change["state_from"], change["state_to"], change["actor"]) == (
        "requested",
        "accepted",
        "officer-1",
    )


async def test_of_two_who_accept_at_once_one_wins_and_the_other_sees_the_state(hub: Hub) -> None:
    assignment_id = await offered(hub)
    first, second = await asyncio.gather(
        hub.act(assignment_id, "accept", actor="officer-1"),
        hub.act(assignment_id, "accept", actor="officer-2"),
    )
    won = [r for r in (first, second) if r.WhichOneof("result") == "assignment"]
    lost = [r for r in (first, second) if r.WhichOneof("result") == "refusal"]
    assert len(won) == len(lost) == 1
    code, reason, metadata = details(lost[0])
    assert (code, reason) == (code_pb2.FAILED_PRECONDITION, "ILLEGAL_MOVE")
    assert (metadata["state"], metadata["version"]) == ("accepted", "2")


async def test_two_in_one_batch_are_done_in_their_order(hub: Hub) -> None:
    assignment_id = await offered(hub)
    accept, start, again = await hub.acting.do(
        [wish(assignment_id, "accept"), wish(assignment_id, "start"), wish(assignment_id, "start")]
    )
    assert accept.assignment.version == 2
    assert start.assignment.version == 3
    assert details(again)[1] == "ILLEGAL_MOVE"


async def test_the_same_key_returns_the_same_answer_for_ever(hub: Hub) -> None:
    assignment_id = await offered(hub)
    request = wish(assignment_id, "accept")
    first = (await hub.acting.do([request]))[0]
    await hub.act(assignment_id, "start")
    second = (await hub.acting.do([request]))[0]
    assert not first.replayed
    assert second.replayed
    assert second.assignment == first.assignment
    twice = wish(assignment_id, "hold")
    one, two = await hub.acting.do([twice, twice])
    assert (one.replayed, two.replayed) == (False, True)
    assert one.assignment == two.assignment


async def test_the_same_key_with_another_act_is_refused(hub: Hub) -> None:
    assignment_id = await offered(hub)
    await hub.act(assignment_id, "accept", idempotency_key="k-1")
    other = await hub.act(assignment_id, "start", idempotency_key="k-1")
    assert details(other)[:2] == (code_pb2.ALREADY_EXISTS, "KEY_REUSED")
    # The key belongs to its agency: another one's is another key.
    stranger = await hub.act(assignment_id, "start", idempotency_key="k-1", agency="police")
    assert details(stranger)[1] == "NO_SUCH_ASSIGNMENT"


async def test_the_same_key_at_the_same_instant_on_two_assignments_is_done_once(hub: Hub) -> None:
    first, second = await offered(hub), await offered(hub)
    async with hub.database.transaction() as tx:
        (done,) = await acting.act(
            tx,
            hub.parts,
            [asked_by(wish(first, "accept", idempotency_key="race"))],
            now=hub.clock.now(),
        )
        assert isinstance(done, acting.Done)
        other = asyncio.create_task(hub.act(second, "accept", idempotency_key="race"))
        await until(hub.somebody_waits)
    assert details(await other)[1] == "KEY_REUSED"


async def test_a_refused_act_may_be_tried_again_under_its_key(hub: Hub) -> None:
    assignment_id = await offered(hub)
    early = wish(assignment_id, "start")
    assert details((await hub.acting.do([early]))[0])[1] == "ILLEGAL_MOVE"
    await hub.act(assignment_id, "accept")
    assert (await hub.acting.do([early]))[0].assignment.version == 3


async def test_a_stale_version_is_refused_with_the_current_state(hub: Hub) -> None:
    assignment_id = await offered(hub)
    await hub.act(assignment_id, "accept")
    code, reason, metadata = details(await hub.act(assignment_id, "start", expected_version=1))
    assert (code, reason) == (code_pb2.FAILED_PRECONDITION, "STALE_VERSION")
    assert (metadata["state"], metadata["version"]) == ("accepted", "2")


async def test_to_the_wrong_agency_the_assignment_does_not_exist(hub: Hub) -> None:
    assignment_id = await offered(hub)
    wrong = details(await hub.act(assignment_id, "accept", agency="police"))
    absent = details(await hub.act(uuid4(), "accept", agency="police"))
    assert wrong == absent
    assert wrong[0] == code_pb2.NOT_FOUND


async def test_a_decline_finds_the_next_unit_at_once(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy")
    first = await hub.only(case_id)
    hub.clock.advance(timedelta(minutes=5))
    result = await hub.act(first["assignment_id"], "decline")
    assert result.assignment.state == routing_pb2.ASSIGNMENT_STATE_DECLINED
    _, second = await hub.assignments(case_id)
    assert (second["unit_id"], second["state"]) == ("HOSPITAL-2", "requested")
    assert second["replaces"] == first["assignment_id"]
    assert [(d["case_seq"], d["kind"]) for d in await hub.deliveries(case_id)] == [
        (1, "offer"),
        (2, "offer"),
    ]
    # The case's clock does not start anew: every event tells when it was first reported.
    instants = {m.scope.reported_at.ToSeconds() for _, m in await hub.announced(case_id)}
    assert len(instants) == 1
    bound = await hub.act(second["assignment_id"], "decline")
    assert details(bound)[1] == "DECLINED_BEFORE"
    referrals = await hub.rows("SELECT state FROM referral WHERE case_id = :id", id=case_id)
    assert [row["state"] for row in referrals] == ["active"]


async def test_completing_the_last_part_closes_the_case(hub: Hub) -> None:
    case_id = await hub.report("trafficking")
    station, office = await hub.assignments(case_id)
    for row in (office, station):
        await hub.act(row["assignment_id"], "accept", agency=row["agency"])
        await hub.act(row["assignment_id"], "complete", agency=row["agency"])
    subjects = await hub.subjects(case_id)
    assert subjects.count("referral.v1.completed") == 2
    assert subjects.count("milestone.v1.closed") == 1
    rows = await hub.rows("SELECT state FROM referral WHERE case_id = :id", id=case_id)
    assert {row["state"] for row in rows} == {"completed"}


async def test_two_parts_that_end_at_the_same_time_close_the_case_once(hub: Hub) -> None:
    case_id = await hub.report("trafficking")
    station, office = await hub.assignments(case_id)
    for row in (station, office):
        await hub.act(row["assignment_id"], "accept", agency=row["agency"])
    async with hub.database.transaction() as tx:
        ending = wish(station["assignment_id"], "complete", agency="police")
        await acting.act(tx, hub.parts, [asked_by(ending)], now=hub.clock.now())
        other = asyncio.create_task(hub.act(office["assignment_id"], "complete", agency="msdhs"))
        await until(lambda: other.done() or hub.somebody_waits())
    assert (await other).assignment.state == routing_pb2.ASSIGNMENT_STATE_COMPLETED
    assert (await hub.subjects(case_id)).count("milestone.v1.closed") == 1


async def test_a_sender_calls_off_and_the_targets_system_hears_of_it_in_order(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy", source="agency:ngo")
    row = await hub.only(case_id)
    stranger = await hub.act(row["assignment_id"], "cancel", role="sender", agency="police")
    assert details(stranger)[1] == "NO_SUCH_ASSIGNMENT"
    result = await hub.act(row["assignment_id"], "cancel", role="sender", agency="ngo")
    assert result.assignment.state == routing_pb2.ASSIGNMENT_STATE_CANCELLED
    told = await hub.deliveries(case_id, "public_health")
    assert [(d["case_seq"], d["kind"]) for d in told] == [(1, "offer"), (2, "cancel")]
    assert "referral.v1.revoked" in await hub.subjects(case_id)


async def test_a_target_has_its_time_to_answer_a_cancellation(hub: Hub) -> None:
    assignment_id = await offered(hub)
    await hub.act(assignment_id, "accept")
    await hub.act(
        assignment_id, "request_cancel", role="sender", agency="hub", reason_code="duplicate"
    )
    alone = {"role": "sender", "agency": "hub", "reason_code": ""}
    early = await hub.act(assignment_id, "cancel", **alone)
    assert details(early)[1] == "AWAITING_TARGET"
    hub.clock.advance(timedelta(hours=24))
    late = await hub.act(assignment_id, "cancel", **alone)
    assert late.assignment.state == routing_pb2.ASSIGNMENT_STATE_CANCELLED
    (change,) = await hub.rows(
        "SELECT * FROM assignment_change WHERE assignment_id = :id AND state_to = 'cancelled'",
        id=assignment_id,
    )
    assert change["unconfirmed"]
    assert change["reason_code"] == "duplicate"


async def test_reached_is_a_milestone_the_first_of_which_stands(hub: Hub) -> None:
    case_id = await hub.report("unready_pregnancy", source="agency:ngo")
    row = await hub.only(case_id)
    await hub.act(row["assignment_id"], "accept")
    for how in ("phone", "in_person"):
        result = await hub.act(row["assignment_id"], "record_reached", reached_by=how)
        assert result.assignment.version == 2
    (milestone,) = await hub.rows(
        "SELECT * FROM milestone WHERE assignment_id = :id AND kind = 'reached'",
        id=row["assignment_id"],
    )
    assert milestone["how"] == "phone"
    assert (await hub.subjects(case_id)).count("milestone.v1.reached") == 1
    news = await hub.deliveries(case_id, "ngo")
    assert [d["status"] for d in news] == ["requested", "accepted", "reached"]
    assert [d["case_seq"] for d in news] == [1, 2, 3]


async def test_work_is_listed_page_by_page_oldest_first_until_it_ends(hub: Hub) -> None:
    ids = []
    for _ in range(5):
        case_id = await hub.report("child_labour")
        ids += [
            row["assignment_id"]
            for row in await hub.assignments(case_id)
            if row["unit_id"] == "LABOUR"
        ]
        hub.clock.advance(timedelta(seconds=1))
    await hub.act(ids[1], "accept", agency="labour")
    await hub.act(ids[1], "complete", agency="labour")

    async def pages(**filters: Message | str) -> list[str]:
        seen: list[str] = []
        token = ""
        while True:
            page = await hub.servicer().ListWork(
                routing_pb2.ListWorkRequest(page_size=2, page_token=token, **filters), None
            )
            seen += [item.assignment.assignment_id for item in page.items]
            assert all(item.scope.reference for item in page.items)
            token = page.next_page_token
            if not token:
                return seen

    open_ones = [str(i) for i in ids if i != ids[1]]
    assert await pages(unit_id="LABOUR") == open_ones
    assert await pages(agency="labour") == open_ones
    assert await pages(unit_id="LABOUR", province_code="50") == open_ones
    assert await pages(unit_id="LABOUR", province_code="10") == []


async def test_what_no_system_received_is_offered_again_ever_more_rarely(hub: Hub) -> None:
    await hub.sweeper.sweep()
    case_id = await hub.report("other")
    await hub.relay.publish_once()
    (delivery,) = await hub.deliveries(case_id)

    async def offers() -> list[Any]:
        return await hub.announced(case_id, "delivery")

    assert len(await offers()) == 1
    hub.clock.advance(timedelta(seconds=61))
    await sweep_all(hub)
    first, second = [message for _, message in await offers()]
    assert first == second
    (row,) = await hub.deliveries(case_id)
    assert (row["state"], row["offers"]) == ("sent", 2)
    hub.clock.advance(timedelta(seconds=61))
    await sweep_all(hub)
    assert len(await offers()) == 2
    hub.clock.advance(timedelta(seconds=61))
    await sweep_all(hub)
    assert len(await offers()) == 3
    await hub.receives("msdhs", delivery)
    hub.clock.advance(timedelta(days=1))
    await sweep_all(hub)
    assert len(await offers()) == 3
    assert timedelta(seconds=60) == deliveries.FIRST_OFFER_AGAIN


async def sweep_all(hub: Hub) -> None:
    while await hub.sweeper.sweep():
        continue


async def test_what_the_broker_has_not_been_given_yet_is_not_offered_again(hub: Hub) -> None:
    case_id = await hub.report("other")
    hub.clock.advance(timedelta(hours=2))
    await sweep_all(hub)
    (row,) = await hub.deliveries(case_id)
    assert (row["state"], row["offers"]) == ("created", 1)
    assert events_pb2.DELIVERY_KIND_OFFER == 1
