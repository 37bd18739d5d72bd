"""A holiday declared while clocks run: stored clocks move, and stay equal to their events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from policies.calendar import lay_out
from policies.model import Override, Text
from services.alerting import calendars, rows
from services.alerting.domain import clocks
from tests.integration.alerting.office import HOURS, POLICIES, Office
from tests.unit.alerting.world import STATION

GOV = POLICIES.calendars["th-gov"]


async def test_a_holiday_that_the_cabinet_adds_moves_every_clock_that_crosses_it(
    office: Office,
) -> None:
    units = office.engine.directory().units
    closed_at_night = replace(units[STATION], hours="th-gov")
    snapshot = replace(office.engine.directory(), units={**units, STATION: closed_at_night})
    engine = replace(office.engine, directory=lambda: snapshot, _last=[])
    office_at_work = replace(office, engine=engine)
    known = await office_at_work.has_case(urgency="normal")
    await office_at_work.assigns(known)  # Monday 09:00, four working hours: due at 13:00
    await calendars.Recalendar(office.database, engine, office.clock).once()

    today = Override(date(2026, 11, 23), (), Text("วันหยุด", "Holiday"), "cabinet")
    later = lay_out(replace(GOV, overrides={**GOV.overrides, today.on: today}))
    hours, keys = calendars.versions({**HOURS, "th-gov": later})
    after = replace(engine, hours=hours, calendar_keys=keys, _last=[])
    work = calendars.Recalendar(office.database, after, office.clock)
    assert await work.once(dry_run=True) == 1
    assert await work.once() == 1
    assert await work.once() == 0

    stored = await office.rows("SELECT * FROM clock WHERE case_id = :id AND step = 'accept'",
        id=known.case_id)  # fmt: skip
    clock = rows.clock(stored[0])
    events = await office.rows(
        "SELECT * FROM clock_event WHERE clock_id = :id ORDER BY gen", id=clock.clock_id
    )
    assert [event["op"] for event in events] == ["start", "recalendar"]
    assert clock == clocks.replay(
        [rows.clock_event(event) for event in events],
        after.hours,
        case_id=clock.case_id,
        step=clock.step,
        warn=clock.warn,
        assignment_id=clock.assignment_id,
    )
    armed = await office.rows(
        "SELECT due_at, stage FROM deadline WHERE owner = :id AND state = 0", id=clock.clock_id
    )
    # Tuesday 08:30 and half of the budget, in UTC: the first warning.
    assert [(row["stage"], row["due_at"]) for row in armed] == [
        (50, datetime(2026, 11, 24, 3, 30, tzinfo=UTC))
    ]


async def test_a_clock_counts_by_older_hours_that_a_new_process_has_to_recall(
    office: Office,
) -> None:
    await calendars.Recalendar(office.database, office.engine, office.clock).once()
    key = office.engine.calendar_keys["th-gov"]
    async with office.database.transaction() as tx:
        recalled = await calendars.recall(tx)
    assert recalled[key] == HOURS["th-gov"]
