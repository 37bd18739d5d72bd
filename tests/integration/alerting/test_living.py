"""An alert's life in people's hands, and messages that wait, go together, or sum up a day."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from mesh.errors import FailedPreconditionError, InvalidArgumentError
from services.alerting import commands
from services.alerting.domain.case import Case
from tests.integration.alerting.office import Office
from tests.unit.alerting.world import STATION


async def overdue(office: Office, **fields: object) -> Case:
    known = await office.has_case(urgency="normal", **fields)
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    return known


async def alert_of(office: Office, known: Case, tier: str) -> UUID:
    (found,) = await office.alerts(known, tier)
    return found


async def test_who_cannot_take_it_sends_it_up_at_once(office: Office) -> None:
    known = await overdue(office)
    await office.after(hours=24)
    office.mailbox.mails.clear()
    async with office.database.transaction() as tx:
        alert, _ = await commands.refuse(
            tx, office.engine, await alert_of(office, known, "central"),
            by="officer-1", reason="not_on_duty", now=office.clock.now(),
        )  # fmt: skip
    assert (alert.state, alert.step) == ("open", 1)
    await office.sends()
    assert office.mailbox.to() == ["central"]  # whose head it is itself, told again at once


async def test_a_snoozed_alert_is_quiet_and_then_comes_back(office: Office) -> None:
    known = await overdue(office)
    await office.after(hours=24)
    office.mailbox.mails.clear()
    until = office.clock.now() + timedelta(hours=8)
    async with office.database.transaction() as tx:
        await commands.snooze(
            tx, office.engine, await alert_of(office, known, "province"),
            by="officer-1", reason="waiting_for_court", until=until, now=office.clock.now(),
        )  # fmt: skip
    await office.after(hours=7.9)
    assert "province-50" not in office.mailbox.to()
    await office.after(hours=0.2)
    assert "province-50" in office.mailbox.to()


async def test_nobody_puts_an_emergency_off(office: Office) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    alert_id = await alert_of(office, known, "central")
    with pytest.raises(InvalidArgumentError):
        async with office.database.transaction() as tx:
            await commands.snooze(
                tx, office.engine, alert_id, by="x", reason="busy",
                until=office.clock.now() + timedelta(minutes=1), now=office.clock.now(),
            )  # fmt: skip


async def test_a_person_ends_an_alert_and_it_never_comes_back(office: Office) -> None:
    known = await overdue(office)
    await office.after(hours=24)
    for tier in ("central", "ministry", "province"):
        async with office.database.transaction() as tx:
            await commands.resolve(
                tx, office.engine, await alert_of(office, known, tier),
                by="officer-1", reason="handled_by_telephone", now=office.clock.now(),
            )  # fmt: skip
    office.mailbox.mails.clear()
    await office.after(days=20)
    assert office.mailbox.mails == []
    found = await office.rows(
        "SELECT alert_id FROM alert WHERE case_id = :id AND tier = 'central'", id=known.case_id
    )
    with pytest.raises(FailedPreconditionError):
        async with office.database.transaction() as tx:
            await commands.refuse(
                tx, office.engine, found[0]["alert_id"],
                by="x", reason="late", now=office.clock.now(),
            )  # fmt: skip


async def test_a_night_without_the_service_makes_one_letter_a_desk_and_every_fact(
    office: Office,
) -> None:
    """camunda#14882: hundreds of thousands of timers fired in one storm."""
    cases = [await overdue(office) for _ in range(40)]
    office.clock.advance(timedelta(hours=25))
    while await office.sweeper.sweep_once():
        continue
    await office.sends()
    told = [mail for mail in office.mailbox.mails if "Several alerts (40)" in mail.subject]
    assert sorted(mail.to.partition("@")[0] for mail in told) == [
        "central", "ministry-police", "province-50",
    ]  # fmt: skip
    assert len(office.mailbox.mails) == 3
    for mail in told:
        assert {known.reference for known in cases} <= set(mail.body.split())
    facts = await office.rows(
        "SELECT case_id, breached_at FROM breach WHERE case_id = ANY(CAST(:ids AS uuid[]))",
        ids=[known.case_id for known in cases],
    )
    assert {row["case_id"] for row in facts} == {known.case_id for known in cases}
    assert len(facts) == 40
    assert {row["breached_at"] for row in facts} == {
        known.reported_at + timedelta(hours=24) for known in cases
    }


async def test_an_emergency_goes_alone_and_first_whatever_else_is_due(office: Office) -> None:
    for _ in range(5):
        await overdue(office)
    office.clock.advance(timedelta(hours=25))
    emergency = await office.has_case(urgency="crisis", ess_cause="threat", reference="SR-ESS")
    await office.assigns(emergency)
    while await office.sweeper.sweep_once():
        continue
    await office.sends()
    subjects = [mail.subject for mail in office.mailbox.mails]
    first = [n for n, subject in enumerate(subjects) if "SR-ESS" in subject]
    assert first == [0, 1, 2]
    assert STATION in office.mailbox.to()


async def test_when_the_message_that_speaks_for_others_is_taken_back_they_still_go(
    office: Office,
) -> None:
    cases = [await overdue(office) for _ in range(3)]
    office.clock.advance(timedelta(hours=24))
    while await office.sweeper.sweep_once():
        continue
    await office.pacer.release_once()
    spoken = await office.rows(
        "SELECT case_id FROM notification WHERE status = 'pending' AND recipient_id = 'central'"
    )
    reached = next(known for known in cases if known.case_id == spoken[0]["case_id"])
    await office.reaches(reached)
    await office.sends()
    office.clock.advance(timedelta(minutes=3))
    await office.sends()
    central = [m for m in office.mailbox.mails if m.to.startswith("central")]
    assert [m.subject for m in central] == ["แจ้งเตือนหลายเรื่อง / Several alerts (2)"]


async def test_when_that_message_fails_everybody_it_spoke_for_goes_up(office: Office) -> None:
    office.mailbox.refuse = lambda to: "550 no" if to.startswith("central") else "250 ok"
    cases = [await overdue(office) for _ in range(3)]
    office.clock.advance(timedelta(hours=24))
    while await office.sweeper.sweep_once():
        continue
    await office.sends()
    steps = await office.rows(
        "SELECT step FROM alert WHERE tier = 'central' AND case_id = ANY(CAST(:ids AS uuid[]))"
        " AND kind = 'reach_overdue'",
        ids=[known.case_id for known in cases],
    )
    assert [row["step"] for row in steps] == [1, 1, 1]


async def test_a_warning_at_night_waits_for_the_morning_and_says_so(office: Office) -> None:
    office.clock.advance(timedelta(hours=11, minutes=30))  # 20:30 in Bangkok
    hour = (office.clock.now() + timedelta(hours=7)).hour
    office.clock.advance(timedelta(hours=(11 - hour) % 24))
    known = await overdue(office)  # half of the 24 hours is used at 23:00
    await office.passes(hours=12)
    await office.sends()
    found = await office.rows(
        "SELECT status, waits_for, next_try_at FROM notification WHERE case_id = :id",
        id=known.case_id,
    )
    assert [(row["status"], row["waits_for"]) for row in found] == [("waiting", "quiet_hours")]
    assert office.mailbox.mails == []
    await office.after(hours=7.1)
    assert STATION in office.mailbox.to()


async def test_each_morning_a_ministry_reads_what_of_its_own_still_stands(office: Office) -> None:
    known = await overdue(office)
    await office.after(hours=24)
    here = office.clock.now() + timedelta(hours=7)
    to_half_past_eight = (8 * 60 + 30 - here.hour * 60 - here.minute) % (24 * 60)
    office.clock.advance(timedelta(minutes=to_half_past_eight + 1))
    while (office.clock.now() + timedelta(hours=7)).weekday() > 3:
        office.clock.advance(timedelta(days=1))
    office.mailbox.mails.clear()
    assert await office.pacer.digests_once() >= 2
    assert await office.pacer.digests_once() == 0
    await office.sends()
    digests = [m for m in office.mailbox.mails if "Daily digest" in m.subject]
    assert {m.to.partition("@")[0] for m in digests} == {"ministry-police", "province-50"}
    assert known.reference not in "".join(m.subject + m.body for m in digests)
