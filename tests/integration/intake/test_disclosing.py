"""Who is told what: the reporter a coarse status, the holder of the case who it is about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from uuid import UUID, uuid4

import asyncpg
import pytest

from mesh import rpc
from mesh.errors import NotFoundError, UnknownOutcomeError
from songtor.intake.v1 import intake_pb2
from tests.integration.intake.desk import START, Desk, assignment, referral
from tests.samples import CANARIES, submission

REPORTERS = CANARIES[0], CANARIES[4]


async def test_a_reporter_follows_the_case(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    task, request = uuid4(), uuid4()
    assert await desk.status(receipt) == "received"
    await desk.hear(referral(receipt, request, "active"), assignment(receipt, task, "requested", 1))
    assert await desk.status(receipt) == "received"
    await desk.hear(assignment(receipt, task, "accepted", 3))
    assert await desk.status(receipt) == "helping"
    await desk.hear(
        assignment(receipt, task, "completed", 4), referral(receipt, request, "completed")
    )
    assert await desk.status(receipt) == "closed"


def wrong_questions(receipt: intake_pb2.Receipt) -> Iterator[tuple[str, str]]:
    yield receipt.reference, "AAAAA-AAAAA"
    yield "0000-0000-0000", receipt.follow_up_code
    yield "1234", receipt.follow_up_code
    yield receipt.reference[:-1] + "x", receipt.follow_up_code


async def test_a_wrong_number_and_a_wrong_code_look_the_same(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    answers = set()
    for reference, code in wrong_questions(receipt):
        with pytest.raises(NotFoundError) as raised:
            await rpc.call(
                desk.stub.TrackCase,
                intake_pb2.TrackCaseRequest(reference=reference, follow_up_code=code),
            )
        answers.add((raised.value.message, raised.value.reason, str(raised.value.details)))
    assert len(answers) == 1


async def test_a_code_runs_out_some_time_after_closing(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    await desk.hear(referral(receipt, uuid4(), "completed", at=desk.clock.now()))
    desk.clock.advance(timedelta(days=30))
    assert await desk.status(receipt) == "closed"
    desk.clock.advance(timedelta(seconds=1))
    with pytest.raises(NotFoundError):
        await desk.status(receipt)


async def test_an_agency_opens_the_identity_while_it_holds_the_case(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    task = uuid4()
    await desk.hear(assignment(receipt, task, "requested", 1))
    with pytest.raises(NotFoundError):
        await desk.identity(task)
    await desk.hear(assignment(receipt, task, "accepted", 2))
    opened = await desk.identity(task)
    assert opened.people[0].name == CANARIES[1]
    assert opened.alleged[0].name == CANARIES[2]
    assert (opened.place_text, opened.narrative) == (CANARIES[7], CANARIES[6])
    assert not any(word.encode() in opened.SerializeToString() for word in REPORTERS)
    await desk.hear(assignment(receipt, task, "completed", 3))
    with pytest.raises(NotFoundError):
        await desk.identity(task)


async def test_every_opening_and_every_refusal_leaves_a_leaf(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    task = uuid4()
    await desk.hear(assignment(receipt, task, "accepted", 1))
    await desk.identity(task)
    with pytest.raises(NotFoundError):
        await desk.identity(task, agency="police")
    leaves = await desk.rows(
        "SELECT actor, action, facts->>'purpose' AS purpose FROM audit_leaf"
        " WHERE facts->>'assignment_id' = :task AND action LIKE 'identity_%ed' ORDER BY id",
        task=str(task),
    )
    assert [tuple(leaf.values()) for leaf in leaves] == [
        ("agency:msdhs/officer-7", "identity_opened", "service"),
        ("agency:police/officer-7", "identity_refused", "service"),
    ]


@pytest.mark.parametrize("implicated", ["agency:msdhs", "TH-MSDHS-5001-001"])
async def test_the_implicated_never_open_it(desk: Desk, implicated: str) -> None:
    receipt = await desk.receipt(submission(excluded=[implicated]))
    task, other = uuid4(), uuid4()
    await desk.hear(
        assignment(receipt, task, "accepted", 1),
        assignment(receipt, other, "accepted", 1, agency="police", unit_id="TH-RTP-5001-001"),
    )
    with pytest.raises(NotFoundError):
        await desk.identity(task)
    assert await desk.identity(other, agency="police")


async def test_forbidden_and_absent_look_the_same(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    task = uuid4()
    await desk.hear(assignment(receipt, task, "accepted", 1))
    answers = set()
    for assignment_id, agency in ((task, "police"), (uuid4(), "msdhs")):
        with pytest.raises(NotFoundError) as raised:
            await desk.identity(assignment_id, agency=agency)
        answers.add((raised.value.message, raised.value.reason))
    assert len(answers) == 1


async def test_events_may_come_in_any_order(desk: Desk) -> None:
    for order in permutations(range(4)):
        receipt = await desk.receipt(submission())
        task, request = uuid4(), uuid4()
        events = [
            assignment(receipt, task, "requested", 1),
            assignment(receipt, task, "accepted", 2),
            referral(receipt, request, "active", at=START),
            referral(receipt, request, "completed", at=START + timedelta(hours=2)),
        ]
        for index in order:
            await desk.hear(events[index])
        assert await desk.status(receipt) == "closed"
        assert await desk.identity(task)


async def test_a_batch_of_events_counts_the_newest(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    task = uuid4()
    await desk.hear(
        assignment(receipt, task, "failed", 3),
        assignment(receipt, task, "accepted", 2),
    )
    with pytest.raises(NotFoundError):
        await desk.identity(task)


async def test_news_of_an_unknown_case_is_not_swallowed(desk: Desk) -> None:
    nobody = intake_pb2.Receipt(case_id=str(uuid4()))
    with pytest.raises(NotFoundError):
        await desk.hear(assignment(nobody, uuid4(), "accepted", 1))


async def test_a_case_is_shown_without_its_people(desk: Desk) -> None:
    receipt = await desk.receipt(submission())
    answer = await rpc.call(desk.stub.GetCase, intake_pb2.GetCaseRequest(case_id=receipt.case_id))
    assert answer.case.scope.reference == receipt.reference
    assert answer.case.people[0].age_band == "7-14"
    assert not any(word.encode() in answer.SerializeToString() for word in CANARIES)
    with pytest.raises(NotFoundError):
        await rpc.call(desk.stub.GetCase, intake_pb2.GetCaseRequest(case_id=str(uuid4())))


async def test_numbers_in_a_summary_move_into_the_identity_block(desk: Desk) -> None:
    receipt = await desk.receipt(submission(need_summary="โทรกลับ 000-001-9999"))
    task = uuid4()
    await desk.hear(assignment(receipt, task, "accepted", 1))
    opened = await desk.identity(task)
    assert opened.narrative == f"{CANARIES[6]}\n\nโทรกลับ 000-001-9999"
    (row,) = await desk.rows(
        "SELECT details->>'need_summary' AS need_summary FROM case_file WHERE case_id = :id",
        id=UUID(receipt.case_id),
    )
    assert row["need_summary"] == "โทรกลับ ***"


async def test_no_table_holds_a_word_that_identifies(desk: Desk, database: str) -> None:
    receipt = await desk.receipt(submission(need_summary="โทรกลับ 000-001-9999"))
    await desk.hear(assignment(receipt, uuid4(), "accepted", 1))
    words = [word.encode() for word in (*CANARIES, "000-001-9999")]
    admin = await asyncpg.connect(database)
    tables = await admin.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    assert len(tables) >= 9
    for table in tables:
        # The binary copy holds every byte of every column as it is stored.
        dump = bytearray()

        async def take(data: bytes, into: bytearray = dump) -> None:
            into.extend(data)

        await admin.copy_from_query(f"SELECT * FROM {table['name']}", output=take, format="binary")
        assert not [word for word in words if word in bytes(dump)], table["name"]
        # JSON may have been stored with its letters escaped.
        escaped = [repr(word.decode().encode("unicode_escape")) for word in words]
        assert not [word for word in escaped if word.encode() in bytes(dump)], table["name"]
    await admin.close()


async def test_a_block_moved_to_another_case_does_not_open(desk: Desk, database: str) -> None:
    mine, theirs = [await desk.receipt(submission()) for _ in range(2)]
    task = uuid4()
    await desk.hear(assignment(mine, task, "accepted", 1))
    admin = await asyncpg.connect(database)
    await admin.execute(
        "UPDATE intake.identity_block SET case_id = $1 WHERE case_id = $2 AND fields = 'people'",
        UUID(mine.case_id),
        UUID(theirs.case_id),
    )
    await admin.close()
    with pytest.raises(UnknownOutcomeError) as raised:
        await desk.identity(task)
    assert raised.value.reason == "INTERNAL"


async def test_the_service_cannot_change_what_was_reported(database: str, desk: Desk) -> None:
    await desk.receipt(submission())
    for table in ("report", "identity_block", "audit_leaf"):
        with pytest.raises(Exception, match="permission denied"):
            await desk.rows(f"DELETE FROM {table}")
