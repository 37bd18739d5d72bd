"""The alarm on the alarm: what is broken behind alerting's back shows, and then nothing beats."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from directory.model import Snapshot
from mesh.clock import Clock, SystemClock
from mesh.database import Database
from sandbox.national import national_units
from services.alerting.auditor.auditor import UNKNOWN, Auditor
from services.alerting.auditor.readings import RECONCILERS
from services.alerting.auditor.recompute import Recomputation
from services.alerting.domain.casefile import Rules
from services.alerting.pulse import Pulse
from tests.integration.alerting.office import HOURS, POLICIES, Office

NATIONAL = Snapshot.of(1, [unit for unit in national_units() if unit.tier], digest="desks")


def auditor_of(office: Office, clock: Clock | None = None, url: str = "") -> Auditor:
    rules = Rules(POLICIES, office.engine.hours, NATIONAL, office.engine.calendar_keys)
    return Auditor(office.database, clock or office.clock, lambda: rules, heartbeat_url=url)


async def readings(auditor: Auditor) -> dict[str, int]:
    return {reading.name: reading.found for reading in await auditor.look()}


async def ledger(auditor: Auditor) -> dict[str, int]:
    """What is read of the ledger alone, without the pulses, that are found."""
    found = await readings(auditor)
    return {
        name: count
        for name, count in found.items()
        if count and name not in ("engine_silent", "clock_skewed", "rules_differ")
    }


async def busy(office: Office) -> None:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    await office.has_case(urgency="crisis", ess_cause="threat")


@pytest.fixture(autouse=True)
async def published(office: Office) -> None:
    async with office.database.transaction() as tx:
        await tx.change("UPDATE outbox SET state = 2")
        await tx.change(
            "UPDATE alert SET state = 'resolved', resolution = 'test' WHERE state <> 'resolved'"
        )


async def publishes(office: Office) -> None:
    async with office.database.transaction() as tx:
        await tx.change("UPDATE outbox SET state = 2")


async def test_while_all_is_well_every_reading_of_the_ledger_is_zero(office: Office) -> None:
    auditor = auditor_of(office)
    await ledger(auditor)  # cases of tests before this one were ended by hand
    await busy(office)
    for _ in range(30):
        await office.after(hours=1)
        await publishes(office)
    fresh = Auditor(office.database, office.clock, auditor._rules, heartbeat_url="")
    fresh._recomputation = Recomputation({})
    fresh._recomputation._since = office.clock.now()
    assert await ledger(fresh) == {}


async def test_an_engine_that_sleeps_is_seen_by_its_deadlines_and_its_missing_facts(
    office: Office,
) -> None:
    auditor = auditor_of(office)
    await ledger(auditor)
    await office.has_case(urgency="normal")
    await publishes(office)
    before = await ledger(auditor)
    office.clock.advance(timedelta(hours=24, minutes=2))
    found = await ledger(auditor)
    assert found.pop("deadlines_overdue") >= 1
    assert found["breaches_missing"] == before.get("breaches_missing", 0) + 1


async def test_a_deadline_that_somebody_took_away_is_seen_at_the_next_look(
    office: Office,
) -> None:
    auditor = auditor_of(office)
    before = await ledger(auditor)
    known = await office.has_case(urgency="normal")
    await publishes(office)
    async with office.database.transaction() as tx:
        await tx.change(
            "UPDATE deadline SET state = 2 FROM clock WHERE owner = clock_id"
            " AND clock.case_id = :id AND step = 'reach'",
            {"id": known.case_id},
        )
    after = await ledger(auditor)
    assert after["clocks_wrong"] == before.get("clocks_wrong", 0) + 1


async def test_a_clock_that_somebody_turned_is_seen_at_the_next_look(office: Office) -> None:
    auditor = auditor_of(office)
    before = await ledger(auditor)
    known = await office.has_case(urgency="normal")
    await publishes(office)
    async with office.database.transaction() as tx:
        await tx.change(
            "UPDATE clock SET budget_us = budget_us * 2 WHERE case_id = :id AND step = 'reach'",
            {"id": known.case_id},
        )
    after = await ledger(auditor)
    assert after["clocks_wrong"] == before.get("clocks_wrong", 0) + 1


async def test_an_alert_without_a_next_step_is_seen(office: Office) -> None:
    await busy(office)
    await office.after(hours=24)
    await publishes(office)
    async with office.database.transaction() as tx:
        await tx.change(
            "UPDATE deadline SET state = 2 FROM alert WHERE owner = alert_id"
            " AND tier = 'central' AND alert.state = 'open'"
        )
    office.clock.advance(timedelta(seconds=61))
    assert (await readings(auditor_of(office)))["alerts_adrift"] >= 1


async def test_what_is_not_published_and_what_is_not_sent_is_seen(office: Office) -> None:
    await office.has_case(urgency="crisis", ess_cause="threat")
    office.clock.advance(timedelta(seconds=61))
    found = await readings(auditor_of(office))
    assert (found["outbox_stuck"], found["notifications_stuck"]) == (2, 2)


async def test_a_silent_engine_a_frozen_clock_and_other_rules_are_seen(office: Office) -> None:
    system = SystemClock()
    auditor = auditor_of(office, system)
    async with office.database.transaction() as tx:
        await tx.change("UPDATE pulse SET real_at = real_at - interval '1 hour'")
    assert (await readings(auditor))["engine_silent"] == 1

    await Pulse(office.database, office.engine, system).beat()
    found = await readings(auditor)
    assert (found["engine_silent"], found["clock_skewed"], found["rules_differ"]) == (0, 0, 0)

    await Pulse(office.database, office.engine, office.clock).beat()
    assert (await readings(auditor))["clock_skewed"] == 1

    less = POLICIES.versions["escalation"]
    edited = replace(
        POLICIES, versions={**POLICIES.versions, "escalation": replace(less, digest="edited")}
    )
    await Pulse(office.database, replace(office.engine, policies=edited), system).beat()
    assert (await readings(auditor))["rules_differ"] == 1


async def test_an_emptied_rota_is_seen(office: Office) -> None:
    units = [unit for unit in NATIONAL.units.values() if unit.province != "50"]
    rules = Rules(POLICIES, HOURS, Snapshot.of(2, units, digest="less"))
    auditor = Auditor(office.database, office.clock, lambda: rules, heartbeat_url="")
    assert (await readings(auditor))["desks_missing"] >= 1


async def test_a_question_that_is_not_answered_is_not_zero() -> None:
    """grafana/oncall#724: the auditor was switched off because its query was slow."""
    nowhere = Database("postgresql+asyncpg://x:x@127.0.0.1:9/x", schema="alerting")
    rules = Rules(POLICIES, HOURS, NATIONAL)
    auditor = Auditor(nowhere, SystemClock(), lambda: rules, heartbeat_url="")
    found = await readings(auditor)
    await nowhere.close()
    assert set(RECONCILERS) < set(found)
    assert set(found.values()) == {UNKNOWN}
