"""Every SQL statement about cases, clocks and alerts. A batch is one statement a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from mesh.database import Row, Transaction
from services.alerting import rows
from services.alerting.domain.alerts import Alert, Deadline
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile
from services.alerting.domain.clocks import CaseClock
from services.alerting.tables import (
    alert,
    alert_event,
    clock,
    clock_event,
    deadline,
    holder,
    notification,
    watch,
)

T = TypeVar("T")
Files = dict[UUID, CaseFile]

_CLAIM = """
    WITH due AS (
        SELECT d.owner, d.case_id, d.purpose, d.stage, d.gen, d.due_at
        FROM deadline d JOIN watch w USING (case_id)
        WHERE d.state = 0 AND d.due_at <= :now
        ORDER BY d.due_at, d.owner LIMIT :limit
        FOR UPDATE OF d, w SKIP LOCKED
    ), fired AS (
        UPDATE deadline SET state = 1, fired_at = :now
        FROM due WHERE deadline.owner = due.owner
        RETURNING due.owner, due.case_id, due.purpose, due.stage, due.gen, due.due_at
    ), fact AS (
        INSERT INTO breach (clock_id, gen, case_id, step, breached_at, observed_at)
        SELECT clock.clock_id, clock.gen, clock.case_id, clock.step, fired.due_at, :now
        FROM fired JOIN clock ON clock.clock_id = fired.owner AND clock.gen = fired.gen
        WHERE fired.purpose = 'clock' AND fired.stage = 100 AND clock.running_since IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    SELECT * FROM fired ORDER BY due_at, owner
"""


async def claim_due(tx: Transaction, *, now: datetime, limit: int) -> list[Deadline]:
    """Claim deadlines that are due, oldest first, and write the fact of each breach with them.

    The rows of their cases are locked too; a case that somebody else is deciding on is passed over
    and comes with the next look. One statement: there is no instant at which a deadline is fired
    and its fact missing.
    """
    found = await tx.execute(_CLAIM, {"now": now, "limit": limit})
    return [rows.deadline(row) for row in found]


async def lock(tx: Transaction, cases: Iterable[Case]) -> Files:
    """Watch the cases that are new, lock all of them, and return their files.

    Locks are taken in the order of ids, so that two batches wait for each other instead of
    deadlocking.
    """
    new = sorted(cases, key=lambda case: case.case_id)
    await tx.insert(watch, [rows.of_case(case) for case in new], tail="ON CONFLICT DO NOTHING")
    return await load(tx, [case.case_id for case in new], lock=True)


async def load(tx: Transaction, case_ids: Sequence[UUID], *, lock: bool = False) -> Files:
    """Return the files of cases, with every alert they ever had."""
    parameters = {"ids": sorted(set(case_ids))}
    wanted = "WHERE case_id = ANY(CAST(:ids AS uuid[]))"
    locking = "ORDER BY case_id FOR UPDATE" if lock else ""
    found = await tx.execute(f"SELECT * FROM watch {wanted} {locking}", parameters)
    files = {row["case_id"]: CaseFile(rows.case(row)) for row in found}
    holders: dict[UUID, dict[UUID, Holder]] = defaultdict(dict)
    for row in await tx.execute(f"SELECT * FROM holder {wanted}", parameters):
        holders[row["case_id"]][row["assignment_id"]] = rows.holder(row)
    clocks: dict[UUID, dict[UUID, CaseClock]] = defaultdict(dict)
    for row in await tx.execute(f"SELECT * FROM clock {wanted}", parameters):
        clocks[row["case_id"]][row["clock_id"]] = rows.clock(row)
    alerts: dict[UUID, dict[UUID, Alert]] = defaultdict(dict)
    for row in await tx.execute(f"SELECT * FROM alert {wanted}", parameters):
        alerts[row["case_id"]][row["alert_id"]] = rows.alert(row)
    return {
        case_id: replace(
            file, holders=holders[case_id], clocks=clocks[case_id], alerts=alerts[case_id]
        )
        for case_id, file in files.items()
    }


async def save(
    tx: Transaction, before: Mapping[UUID, CaseFile], after: Files, *, now: datetime
) -> None:
    """Write what differs between `before` and `after`."""
    pairs = [(before[case_id], after[case_id]) for case_id in sorted(after)]
    await tx.insert(
        watch,
        [rows.of_case(new.case) for old, new in pairs if new.case != old.case],
        tail=_overwriting(watch.c.keys(), "case_id"),
    )
    await tx.insert(
        holder,
        [rows.of_holder(h) for old, new in pairs for h in _changed(old.holders, new.holders)],
        tail=_overwriting(holder.c.keys(), "assignment_id"),
    )
    await tx.insert(
        clock,
        [rows.of_clock(c) for old, new in pairs for c in _changed(old.clocks, new.clocks)],
        tail=_overwriting(clock.c.keys(), "clock_id"),
    )
    await tx.insert(
        clock_event,
        [rows.of_clock_event(event, now) for _, new in pairs for event in new.clock_events],
    )
    await _save_alerts(tx, pairs, now=now)
    await _set_deadlines(tx, [new for _, new in pairs])


async def _save_alerts(
    tx: Transaction, pairs: Sequence[tuple[CaseFile, CaseFile]], *, now: datetime
) -> None:
    await tx.insert(
        alert,
        [rows.of_alert(a) for old, new in pairs for a in _changed(old.alerts, new.alerts)],
        tail=_overwriting(alert.c.keys(), "alert_id"),
    )
    await tx.insert(
        alert_event, [rows.of_alert_event(event) for _, new in pairs for event in new.alert_events]
    )
    silenced = sorted({alert_id for _, new in pairs for alert_id in new.silenced})
    if silenced:
        await tx.change(
            "UPDATE notification SET status = 'cancelled', status_at = :now"
            " WHERE status = 'pending' AND alert_id = ANY(CAST(:ids AS uuid[]))",
            {"ids": silenced, "now": now},
        )
    await tx.insert(
        notification,
        [rows.of_notice(notice) for _, new in pairs for notice in new.notices],
        tail="ON CONFLICT DO NOTHING",
    )


async def _set_deadlines(tx: Transaction, files: Sequence[CaseFile]) -> None:
    armed = [d for file in files for d in file.deadlines.values() if d is not None]
    disarmed = sorted(
        owner for file in files for owner, value in file.deadlines.items() if value is None
    )
    await tx.insert(
        deadline,
        [rows.of_deadline(value) for value in armed],
        tail=_overwriting(deadline.c.keys(), "owner"),
    )
    if disarmed:
        await tx.change(
            "UPDATE deadline SET state = 2"
            " WHERE state = 0 AND owner = ANY(CAST(:owners AS uuid[]))",
            {"owners": disarmed},
        )


def _changed(old: Mapping[UUID, T], new: Mapping[UUID, T]) -> list[T]:
    return [value for key, value in new.items() if old.get(key) is not value]


def _overwriting(columns: Iterable[str], key: str) -> str:
    assignments = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    return f"ON CONFLICT ({key}) DO UPDATE SET {assignments}"


async def case_of_alert(tx: Transaction, alert_id: UUID) -> UUID | None:
    """Return which case an alert is about."""
    found = await tx.execute(
        "SELECT case_id FROM alert WHERE alert_id = :alert_id", {"alert_id": alert_id}
    )
    return found[0]["case_id"] if found else None


async def list_alerts(
    tx: Transaction,
    *,
    tier: str,
    province: str,
    ministry: str,
    case_id: UUID | None,
    state: str,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Row]:
    """Return alerts with their case, newest first, after the place where the last page ended.

    A tier that is told only later sees nothing yet.
    """
    return await tx.execute(
        "SELECT alert.*, watch.reference, watch.province, watch.problem_types, watch.ess_cause,"
        " watch.urgency, watch.silent, watch.excluded, watch.reported_at, watch.reached_at,"
        " watch.closed_at FROM alert JOIN watch USING (case_id) WHERE alert.state <> 'armed'"
        " AND (:tier = '' OR tier = :tier) AND (:province = '' OR province = :province)"
        " AND (:ministry = '' OR ministry = :ministry) AND (:state = '' OR alert.state = :state)"
        " AND (CAST(:case_id AS uuid) IS NULL OR alert.case_id = :case_id)"
        " AND (CAST(:opened_at AS timestamptz) IS NULL"
        "      OR (opened_at, alert_id) < (:opened_at, CAST(:alert_id AS uuid)))"
        " ORDER BY opened_at DESC, alert_id DESC LIMIT :limit",
        {
            "tier": tier,
            "province": province,
            "ministry": ministry,
            "state": state,
            "case_id": case_id,
            "opened_at": before[0] if before else None,
            "alert_id": before[1] if before else None,
            "limit": limit,
        },
    )


async def notifications_of(tx: Transaction, alert_ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """Return what was sent for each alert, oldest first."""
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in await tx.execute(
        "SELECT alert_id, recipient_id, channel, status, status_at FROM notification"
        " WHERE alert_id = ANY(CAST(:ids AS uuid[])) ORDER BY created_at, recipient_id",
        {"ids": list(alert_ids)},
    ):
        found[row["alert_id"]].append(row)
    return found
