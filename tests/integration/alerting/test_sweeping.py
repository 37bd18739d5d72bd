"""Shards, marks, storms and wake-ups: what is due fires once, at its time, whatever happens."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from services.alerting import deadlines
from services.alerting.domain.alerts import Deadline
from services.alerting.domain.case import Case
from services.alerting.sweeper import Sweeper
from tests.integration.alerting.office import Office
from tests.unit.alerting.world import STATION
from tests.waiting import until

NOW = timedelta(0)


async def overdue(office: Office) -> Case:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    return known


async def marks_settle(office: Office) -> None:
    """Propose marks and let them hold, as an hour of looks would."""
    for _ in range(2):
        async with office.database.transaction() as tx:
            await deadlines.move_marks(tx, now=office.clock.now(), settles=NOW)


async def states(office: Office, known: Case) -> list[int]:
    found = await office.rows(
        "SELECT d.state FROM deadline d JOIN clock c ON d.owner = c.clock_id"
        " WHERE c.case_id = :id AND c.step = 'reach'",
        id=known.case_id,
    )
    return [row["state"] for row in found]


async def records_only(office: Office) -> None:
    async with office.database.transaction() as tx:
        await deadlines.record_due(tx, range(deadlines.SHARDS), now=office.clock.now(), limit=5000)


async def test_in_a_storm_every_fact_is_written_before_anything_is_decided(
    office: Office,
) -> None:
    cases = [await overdue(office) for _ in range(7)]
    office.clock.advance(timedelta(hours=24))
    sweeper = Sweeper(office.database, office.engine, office.clock, every=1, batch=2)
    await sweeper.sweep_once()
    facts = await office.rows(
        "SELECT case_id FROM breach WHERE case_id = ANY(CAST(:ids AS uuid[]))",
        ids=[known.case_id for known in cases],
    )
    assert len(facts) == 7
    told = "SELECT DISTINCT case_id FROM alert WHERE case_id = ANY(CAST(:ids AS uuid[]))" \
        " AND kind = 'reach_overdue'"  # fmt: skip
    ids = [known.case_id for known in cases]
    assert len(await office.rows(told, ids=ids)) < 7
    while await sweeper.sweep_once():
        continue
    assert len(await office.rows(told, ids=ids)) == 7


async def test_a_breach_on_record_comes_before_what_is_told_afterwards(office: Office) -> None:
    known = await overdue(office)
    office.clock.advance(timedelta(hours=24))
    await records_only(office)
    assert await states(office, known) == [3]
    await office.reaches(known)
    history = await office.rows(
        "SELECT what FROM alert_event JOIN alert USING (alert_id) WHERE case_id = :id"
        " AND kind = 'reach_overdue' AND tier = 'central' ORDER BY id",
        id=known.case_id,
    )
    assert [row["what"] for row in history] == ["opened", "told", "resolved"]


async def test_what_was_recorded_and_then_settled_is_decided_no_more(office: Office) -> None:
    known = await overdue(office)
    await office.passes(hours=24)
    office.clock.advance(timedelta(minutes=30))
    await records_only(office)
    await office.reaches(known)
    office.mailbox.mails.clear()
    while await office.sweeper.sweep_once():
        continue
    found = await office.rows(
        "SELECT DISTINCT step FROM alert WHERE case_id = :id AND kind = 'reach_overdue'",
        id=known.case_id,
    )
    assert [row["step"] for row in found] == [0]


async def test_a_mark_never_passes_what_is_armed(office: Office) -> None:
    known = await overdue(office)
    office.clock.advance(timedelta(days=3))
    await marks_settle(office)
    await office.after(seconds=1)
    facts = await office.rows("SELECT 1 AS one FROM breach WHERE case_id = :id", id=known.case_id)
    assert len(facts) == 1


async def test_what_is_armed_below_a_mark_fires_at_once_with_its_true_time(
    office: Office,
) -> None:
    office.clock.advance(timedelta(days=3))
    await office.passes(seconds=1)
    await marks_settle(office)
    late = await office.has_case(
        urgency="normal", reported_at=office.clock.now() - timedelta(hours=26)
    )
    await office.passes(seconds=0)
    facts = await office.rows(
        "SELECT breached_at FROM breach WHERE case_id = :id AND step = 'reach'", id=late.case_id
    )
    assert [row["breached_at"] for row in facts] == [late.reported_at + timedelta(hours=24)]


async def test_what_slips_below_a_mark_all_the_same_is_lifted_and_counted(
    office: Office,
) -> None:
    known = await overdue(office)
    async with office.database.transaction() as tx:
        await tx.change(
            "UPDATE shard_cursor SET low_water = :at",
            {"at": office.clock.now() + timedelta(hours=25)},
        )
    await office.passes(hours=24)
    assert await states(office, known) == [0]
    async with office.database.transaction() as tx:
        assert await deadlines.lift(tx) >= 1
        await tx.change("UPDATE shard_cursor SET low_water = '-infinity'")
    await office.passes(hours=1)
    assert await states(office, known) == [1]


async def test_a_deadline_that_was_moved_is_fired_by_its_last_generation_alone(
    office: Office,
) -> None:
    known = await overdue(office)
    (row,) = await office.rows(
        "SELECT d.* FROM deadline d JOIN clock c ON d.owner = c.clock_id"
        " WHERE c.case_id = :id AND c.step = 'reach'",
        id=known.case_id,
    )
    stale = Deadline(row["owner"], known.case_id, "clock", 100, row["gen"] - 1, office.clock.now())
    async with office.database.transaction() as tx:
        await deadlines.arm(tx, [stale], [])
    await office.passes(seconds=1)
    assert (
        await office.rows("SELECT 1 AS one FROM breach WHERE case_id = :id", id=known.case_id) == []
    )


async def test_a_shard_is_the_same_in_every_language(office: Office) -> None:
    known = await overdue(office)
    found = await office.rows(
        "SELECT DISTINCT shard FROM deadline WHERE case_id = :id", id=known.case_id
    )
    assert [row["shard"] for row in found] == [known.case_id.int % deadlines.SHARDS]


async def test_the_loop_sleeps_until_the_next_deadline_and_is_woken_by_an_earlier_one(
    office: Office,
) -> None:
    """It looks every five seconds at most; what falls due within a second does not wait."""
    sweeper = Sweeper(office.database, office.engine, office.clock, every=5, batch=250)
    loop = asyncio.create_task(sweeper.run())
    started = time.monotonic()
    known = await office.has_case(
        urgency="normal", reported_at=office.clock.now() - timedelta(hours=24)
    )

    async def fired() -> bool:
        return await states(office, known) == [1]

    await until(fired)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert time.monotonic() - started < 4.5


async def test_an_emergency_is_claimed_before_a_backlog(office: Office) -> None:
    for _ in range(3):
        await overdue(office)
    emergency = await office.has_case(urgency="crisis", ess_cause="threat")
    await office.assigns(emergency, STATION)
    office.clock.advance(timedelta(hours=25))
    async with office.database.transaction() as tx:
        first = await deadlines.claim_emergencies(tx, now=office.clock.now(), limit=50)
    assert {deadline.case_id for deadline in first} == {emergency.case_id}
    assert {deadline.rank for deadline in first} == {0}
