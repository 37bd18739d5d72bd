"""From an event to a mail in a desk's box, on real PostgreSQL and SMTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import DBAPIError

from mesh.errors import NotFoundError, UnavailableError
from services.alerting import commands, deadlines, rows
from services.alerting.domain import clocks
from services.alerting.domain.case import Case
from services.alerting.domain.casefile import Happening
from tests.integration.alerting.office import Office
from tests.unit.alerting.world import CASE, SHELTER, STATION

TIERS = ["central", "ministry-police", "province-50"]


async def unreached(office: Office, **fields: object) -> Case:
    known = await office.has_case(urgency="normal", **fields)
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    return known


async def test_a_person_not_reached_in_24_hours_is_told_to_three_tiers_each_in_its_scope(
    office: Office,
) -> None:
    known = await unreached(office)
    await office.after(hours=24)
    assert office.mailbox.to() == TIERS
    facts = await office.rows(
        "SELECT * FROM breach WHERE case_id = :case_id", case_id=known.case_id
    )
    assert [(f["step"], f["breached_at"]) for f in facts] == [
        ("reach", known.reported_at + timedelta(hours=24))
    ]


async def test_a_letter_says_number_class_deadline_and_link_and_nothing_else(
    office: Office,
) -> None:
    known = await unreached(office, reference="SR-2569-000777-3")
    await office.after(hours=24)
    mail = office.mailbox.mails[0]
    assert mail.subject == (
        "เกินกรอบเวลา: เข้าถึงตัวผู้ประสบปัญหา / Overdue: Person reached SR-2569-000777-3"
    )
    lines = mail.body.splitlines()
    assert len(lines) == 9
    due = (known.reported_at + timedelta(hours=24)).astimezone(ZoneInfo("Asia/Bangkok"))
    assert lines[7] == f"Deadline {due:%d %b %Y, %H:%M} (UTC+7)"
    assert lines[8] == ("Open and acknowledge https://console.example/cases/SR-2569-000777-3")
    for word in ("trafficking", "ค้ามนุษย์", "50", "TH-RTP"):
        assert word not in mail.subject + mail.body.replace("SR-2569-000777-3", "")


async def test_a_silent_emergency_gives_nothing_away(office: Office) -> None:
    await office.has_case(urgency="crisis", ess_cause="threat", silent=True, reference="SR-1")
    await office.sends()
    assert office.mailbox.to() == ["central", "province-50"]
    for mail in office.mailbox.mails:
        assert mail.subject == "แจ้งเตือน / Notice SR-1"
        assert mail.body.split() == ["SR-1", "https://console.example/cases/SR-1"]


async def test_an_emergency_is_handed_over_without_any_timer(office: Office) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    await office.assigns(known)
    await office.assigns(known, SHELTER)
    await office.sends()
    assert office.mailbox.to() == sorted(["central", "province-50", STATION, SHELTER])
    assert not await office.sweeper.sweep_once()


async def test_a_report_that_no_unit_takes_goes_to_the_central_desk(office: Office) -> None:
    known = await office.has_case(urgency="normal", province="")
    await office.hears(Happening(known, office.clock.now(), signal="unroutable"))
    await office.sends()
    assert office.mailbox.to() == ["central"]


async def test_reaching_the_person_ends_alerts_and_takes_back_what_was_not_sent(
    office: Office,
) -> None:
    known = await unreached(office)
    await office.passes(hours=24)
    await office.reaches(known)
    await office.after(days=3)
    assert office.mailbox.mails == []
    assert {status for _, status in await office.statuses(known)} == {"cancelled"}


async def test_an_acknowledgement_stops_what_is_queued_and_what_would_follow(
    office: Office,
) -> None:
    known = await unreached(office)
    await office.after(hours=24)
    for tier in ("central", "ministry", "province"):
        for alert_id in await office.alerts(known, tier):
            async with office.database.transaction() as tx:
                alert, _ = await commands.acknowledge(
                    tx, office.engine, alert_id, by="officer-7", note="", now=office.clock.now()
                )
            assert alert.state == "acknowledged"
    await office.after(hours=3.9)
    assert office.mailbox.to() == TIERS
    await office.after(hours=0.2)
    assert office.mailbox.to() == sorted(TIERS * 2)


async def test_acknowledging_what_does_not_exist_is_not_found(office: Office) -> None:
    with pytest.raises(NotFoundError):
        async with office.database.transaction() as tx:
            await commands.acknowledge(
                tx, office.engine, CASE, by="x", note="", now=office.clock.now()
            )


async def test_every_alert_is_announced_with_its_scope_and_leaves_a_leaf(office: Office) -> None:
    known = await unreached(office)
    await office.after(hours=24)
    subjects = await office.rows(
        "SELECT subject FROM outbox WHERE subject LIKE '%reach_overdue' ORDER BY id DESC LIMIT 3"
    )
    assert {row["subject"] for row in subjects} == {
        "alert.v1.central.-.50.reach_overdue",
        "alert.v1.ministry.police.50.reach_overdue",
        "alert.v1.province.-.50.reach_overdue",
    }
    leaves = await office.rows(
        "SELECT action FROM audit_leaf WHERE subject_id IN (SELECT CAST(alert_id AS text)"
        " FROM alert WHERE case_id = :case_id AND kind = 'reach_overdue')",
        case_id=known.case_id,
    )
    assert [row["action"] for row in leaves] == ["alert_opened"] * 3


async def test_two_sweepers_fire_each_deadline_once(office: Office) -> None:
    cases = [await unreached(office) for _ in range(30)]
    office.clock.advance(timedelta(hours=24))
    while any(await asyncio.gather(*(office.sweeper.sweep_once() for _ in range(4)))):
        continue
    found = await office.rows(
        "SELECT count(*) AS breaches, count(DISTINCT case_id) AS cases FROM breach"
        " WHERE case_id = ANY(CAST(:ids AS uuid[]))",
        ids=[known.case_id for known in cases],
    )
    assert (found[0]["breaches"], found[0]["cases"]) == (30, 30)


async def _sweep_and_die(office: Office) -> None:
    async with office.database.transaction() as tx:
        now = office.clock.now()
        due = await deadlines.claim_due(tx, range(deadlines.SHARDS), now=now, limit=500)
        await commands.fire(tx, office.engine, due, now=now)
        assert due
        raise UnavailableError("killed here", reason="KILLED")


async def test_a_sweep_that_dies_before_its_commit_leaves_everything_to_the_next(
    office: Office,
) -> None:
    known = await unreached(office)
    await office.passes(hours=23.9)
    office.clock.advance(timedelta(minutes=6))
    with pytest.raises(UnavailableError):
        await _sweep_and_die(office)
    assert await office.rows("SELECT 1 FROM breach WHERE case_id = :id", id=known.case_id) == []
    await office.after(seconds=1)
    assert office.mailbox.to() == TIERS


async def test_what_is_stored_of_a_clock_equals_a_replay_of_its_events(office: Office) -> None:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    office.clock.advance(timedelta(minutes=20))
    await office.assigns(known, state="accepted", version=2)
    office.clock.advance(timedelta(hours=3))
    await office.reaches(known)
    stored = await office.rows("SELECT * FROM clock WHERE case_id = :id", id=known.case_id)
    assert {row["step"] for row in stored} == {"reach", "accept", "closure"}
    for row in stored:
        clock = rows.clock(row)
        events = await office.rows(
            "SELECT * FROM clock_event WHERE clock_id = :id ORDER BY gen", id=clock.clock_id
        )
        assert clock == clocks.replay(
            [rows.clock_event(event) for event in events],
            office.engine.hours,
            case_id=clock.case_id,
            step=clock.step,
            warn=clock.warn,
            assignment_id=clock.assignment_id,
        )


@pytest.mark.parametrize("table", ["clock_event", "breach", "alert_event", "audit_leaf"])
async def test_what_is_written_as_truth_cannot_be_changed(office: Office, table: str) -> None:
    column = "observed_at" if table == "breach" else "at"
    for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with office.database.transaction() as tx:
                await tx.execute(statement)
