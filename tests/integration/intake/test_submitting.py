"""A report is stored once, whatever happens to the asking."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mesh import rpc
from mesh.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    SongtorError,
    UnavailableError,
)
from mesh.status import from_status
from services.intake.domain import receipts
from songtor.intake.v1 import events_pb2, intake_pb2
from tests.integration.intake.desk import Desk, open_desk
from tests.samples import submission
from tests.waiting import until


def refusal(result: intake_pb2.SubmissionResult) -> SongtorError:
    assert result.HasField("refusal")
    return from_status(result.refusal)


async def test_a_report_opens_a_case_and_announces_it(desk: Desk) -> None:
    sent = submission(ess_cause="threat", silent=True)
    sent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    receipt = await desk.receipt(sent)
    assert receipt.report_id == sent.report.report_id
    assert receipts.read_reference(receipt.reference) == receipt.reference
    (row,) = await desk.rows(
        "SELECT subject, priority, payload, headers->>'traceparent' AS trace FROM outbox"
        " WHERE state = 0 ORDER BY id DESC LIMIT 1"
    )
    assert (row["subject"], row["priority"]) == ("case.v1.reported.ess", 0)
    assert row["trace"] == sent.traceparent
    event = events_pb2.CaseReported.FromString(row["payload"])
    assert event.scope.case_id == receipt.case_id
    assert event.scope.silent
    assert event.scope.reported_at == receipt.accepted_at
    assert [(p.pseudonym, p.age_band, list(p.groups)) for p in event.people] == [
        ("P1", "7-14", ["child"])
    ]
    leaves = await desk.rows(
        "SELECT action FROM audit_leaf WHERE subject_id = :id", id=receipt.report_id
    )
    assert [leaf["action"] for leaf in leaves] == ["report_accepted"]


async def test_a_report_that_is_only_a_pin_goes_to_the_province_the_pin_is_in(desk: Desk) -> None:
    sent = submission("only a pin")
    sent.report.place.Clear()
    sent.report.place.point.latitude = 18.79
    sent.report.place.point.longitude = 98.98
    receipt = await desk.receipt(sent)
    (row,) = await desk.rows(
        "SELECT payload FROM outbox WHERE subject LIKE 'case.v1.reported%' ORDER BY id DESC LIMIT 1"
    )
    event = events_pb2.CaseReported.FromString(row["payload"])
    assert event.scope.case_id == receipt.case_id
    assert event.scope.province_code == "50"
    assert event.place.point.latitude == 18.79


async def test_a_thousand_submissions_of_one_key_open_one_case(desk: Desk) -> None:
    before = await desk.count("case_file")
    sent = submission()
    answers = await asyncio.gather(*[desk.submit(sent) for _ in range(1_000)])
    results = [result for answer in answers for result in answer]
    assert await desk.count("case_file") == before + 1
    assert {result.receipt.SerializeToString() for result in results} == {
        results[0].receipt.SerializeToString()
    }
    assert sum(not result.replayed for result in results) == 1


async def test_the_same_key_within_one_batch_is_stored_once(desk: Desk) -> None:
    sent, other = submission("twins"), submission("twins", narrative="something else")
    first, second, third = await desk.submit(sent, sent, other)
    assert not first.replayed
    assert second.replayed
    assert first.receipt == second.receipt
    assert isinstance(refusal(third), AlreadyExistsError)


async def test_the_same_key_with_another_body_is_refused_alone(desk: Desk) -> None:
    await desk.receipt(submission("taken"))
    refused, stored = await desk.submit(submission("taken", narrative="x"), submission())
    assert refusal(refused).reason == "IDEMPOTENCY_KEY_REUSED"
    assert stored.HasField("receipt")
    (leaf,) = await desk.rows("SELECT facts FROM audit_leaf WHERE action = 'report_refused'"
                              " AND facts->>'reason' = 'IDEMPOTENCY_KEY_REUSED'"
                              " ORDER BY id DESC LIMIT 1")  # fmt: skip
    assert leaf


async def test_two_senders_may_use_the_same_key(desk: Desk) -> None:
    mine, theirs = submission("same"), submission("same", narrative="theirs")
    theirs.source = "agency:ngo"
    first, second = await desk.submit(mine, theirs)
    assert first.receipt.case_id != second.receipt.case_id


async def test_a_report_id_is_not_used_for_two_reports(desk: Desk) -> None:
    sent = submission()
    await desk.receipt(sent)
    (result,) = await desk.submit(submission(report_id=sent.report.report_id))
    assert refusal(result).reason == "REPORT_ID_TAKEN"


async def test_a_report_id_is_not_used_twice_within_one_batch_either(desk: Desk) -> None:
    before = await desk.count("case_file")
    one = submission()
    two = submission(report_id=one.report.report_id)
    results = await desk.submit(one, two)
    assert sorted(result.HasField("receipt") for result in results) == [False, True]
    assert await desk.count("case_file") == before + 1


async def test_a_faulty_report_is_refused_alone_and_leaves_nothing(desk: Desk) -> None:
    before = await desk.count("report"), await desk.count("outbox")
    bad = submission(problem_types=["ghosts"], ess_cause="boredom")
    (result,) = await desk.submit(bad)
    error = refusal(result)
    assert isinstance(error, InvalidArgumentError)
    assert {violation.reason for violation in error.violations} == {
        "UNKNOWN_PROBLEM_TYPE",
        "UNKNOWN_ESS_CAUSE",
    }
    assert before == (await desk.count("report"), await desk.count("outbox"))
    good, refused = await desk.submit(submission(), bad)
    assert good.HasField("receipt")
    assert refused.HasField("refusal")


async def test_a_report_with_almost_nothing_is_stored(desk: Desk) -> None:
    bare = intake_pb2.Submission(
        source="door:hotline_1300",
        idempotency_key=str(uuid4()),
        request_digest=bytes(32),
        report=intake_pb2.Report(report_id=str(uuid4()), channel=2, narrative="ช่วยด้วย"),
    )
    receipt = await desk.receipt(bare)
    (row,) = await desk.rows(
        "SELECT details->'problem_types' AS problem_types, province_code FROM case_file"
        " WHERE case_id = :id",
        id=UUID(receipt.case_id),
    )
    assert (row["problem_types"], row["province_code"]) == ([], "")


async def test_a_receipt_is_the_same_after_a_restart(
    desk: Desk, database: str, keyset: Path
) -> None:
    sent = submission()
    receipt = await desk.receipt(sent)
    async with open_desk(database, keyset) as restarted:
        (result,) = await restarted.submit(sent)
    assert result.replayed
    assert result.receipt == receipt


async def test_a_receipt_outlives_the_rules_that_accepted_it(
    desk: Desk, database: str, keyset: Path
) -> None:
    sent = submission()
    receipt = await desk.receipt(sent)
    rules = desk.rules
    async with open_desk(database, keyset) as stricter:
        object.__setattr__(stricter.rules, "areas", type(rules.areas)(*[frozenset()] * 3))
        (refused,) = await stricter.submit(submission())
        (result,) = await stricter.submit(sent)
    assert refused.HasField("refusal")
    assert result.receipt == receipt


async def test_a_caller_that_gave_up_finds_its_report_stored(desk: Desk) -> None:
    before = await desk.count("report")
    sent = submission()
    async with desk.database.transaction() as tx:
        # The writer is held at the door, so that the caller surely leaves before the commit.
        await tx.execute("LOCK TABLE case_file IN SHARE MODE")
        call = asyncio.create_task(desk.submit(sent))
        await _blocked(desk)
        call.cancel()
        await asyncio.wait([call])
    (result,) = await desk.submit(sent)
    assert result.replayed
    assert await desk.count("report") == before + 1


async def _blocked(desk: Desk) -> None:
    """Return when some transaction of this database waits for a lock."""
    async with asyncio.timeout(10):
        while not await desk.rows(
            "SELECT pid FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            continue


async def test_a_reference_in_use_is_drawn_again(desk: Desk, database: str, keyset: Path) -> None:
    one = receipts.reference(7)
    draws = iter([one, one, receipts.reference(8)])
    async with open_desk(database, keyset, draw=lambda: next(draws)) as unlucky:
        assert (await unlucky.receipt(submission())).reference == one
        assert (await unlucky.receipt(submission())).reference == receipts.reference(8)


async def test_when_no_reference_is_free_nothing_is_stored(
    desk: Desk, database: str, keyset: Path
) -> None:
    before = await desk.count("report")
    async with open_desk(database, keyset, draw=lambda: receipts.reference(9)) as stuck:
        await stuck.receipt(submission())
        with pytest.raises(UnavailableError):
            await stuck.submit(submission())
    assert await desk.count("report") == before + 1


async def test_what_breaks_the_contract_never_reaches_intake(desk: Desk) -> None:
    broken = submission()
    broken.report.report_id = "not-a-uuid"
    with pytest.raises(InvalidArgumentError) as raised:
        await desk.submit(broken)
    assert raised.value.violations[0].field == "submissions[0].report.report_id"


async def test_a_receipt_is_given_after_the_commit_only(desk: Desk) -> None:
    sent = submission()
    async with desk.database.transaction() as tx:
        await tx.execute("LOCK TABLE case_file IN SHARE MODE")
        call = asyncio.create_task(desk.submit(sent))
        await _blocked(desk)
        assert not call.done()
    await until(call.done)
    assert call.result()[0].HasField("receipt")
    assert await desk.rows(
        "SELECT 1 FROM report WHERE report_id = :id", id=UUID(sent.report.report_id)
    )


async def test_a_batch_is_bounded(desk: Desk) -> None:
    with pytest.raises(InvalidArgumentError):
        await rpc.call(
            desk.stub.SubmitReports,
            intake_pb2.SubmitReportsRequest(submissions=[submission() for _ in range(501)]),
            timeout=30,
        )


async def test_two_replicas_that_get_the_same_reports_store_each_once(
    desk: Desk, database: str, keyset: Path
) -> None:
    before = await desk.count("case_file")
    sent = [submission() for _ in range(60)]
    async with open_desk(database, keyset) as other:
        # In opposite orders, which without one order of locking would be a deadlock.
        calls = [
            (desk if number % 2 else other).submit(*(sent if number % 3 else sent[::-1]))
            for number in range(12)
        ]
        answers = await asyncio.gather(*calls)
    receipts_given = {r.receipt.SerializeToString() for answer in answers for r in answer}
    assert len(receipts_given) == len(sent)
    assert sum(not r.replayed for answer in answers for r in answer) == len(sent)
    assert await desk.count("case_file") == before + len(sent)
