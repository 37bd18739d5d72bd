"""Every SQL statement about cases, clocks and alerts. A batch is one statement a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from mesh.database import Row, Transaction
from services.alerting import deadlines, rows
from services.alerting.domain.alerts import Alert
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile
from services.alerting.domain.clocks import CaseClock
from services.alerting.tables import (
    alert,
    alert_event,
    clock,
    clock_event,
    holder,
    notification,
    watch,
)

T = TypeVar("T")
Files = dict[UUID, CaseFile]


async def lock(tx: Transaction, cases: Iterable[Case]) -> Files:
    """Watch the cases that are new, lock all of them, and return their files.

    Locks are taken in the order of ids, so that two batches wait for each other instead of
    deadlocking.
    """
    wanted = sorted(cases, key=lambda case: case.case_id)
    new = {
        row["case_id"]
        for row in await tx.insert(
            watch,
            [rows.of_case(case) for case in wanted],
            tail="ON CONFLICT DO NOTHING RETURNING case_id",
        )
    }
    # What this transaction has just made is its own, and nothing can be stored of it yet.
    known = await load(tx, [c.case_id for c in wanted if c.case_id not in new], lock=True)
    return known | {case.case_id: CaseFile(case) for case in wanted if case.case_id in new}


async def load(tx: Transaction, case_ids: Sequence[UUID], *, lock: bool = False) -> Files:
    """Return the files of cases, with every alert they ever had."""
    if not case_ids:
        return {}
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


async def load_clocks(tx: Transaction, case_ids: Sequence[UUID], *, lock: bool = False) -> Files:
    """Return the files of cases with their running clocks alone."""
    parameters = {"ids": sorted(set(case_ids))}
    locking = "ORDER BY case_id FOR UPDATE" if lock else ""
    found = await tx.execute(
        f"SELECT * FROM watch WHERE case_id = ANY(CAST(:ids AS uuid[])) {locking}", parameters
    )
    files = {row["case_id"]: CaseFile(rows.case(row)) for row in found}
    clocks: dict[UUID, dict[UUID, CaseClock]] = defaultdict(dict)
    for row in await tx.execute(
        "SELECT * FROM clock WHERE case_id = ANY(CAST(:ids AS uuid[]))"
        " AND running_since IS NOT NULL",
        parameters,
    ):
        clocks[row["case_id"]][row["clock_id"]] = rows.clock(row)
    return {case_id: replace(file, clocks=clocks[case_id]) for case_id, file in files.items()}


async def save(
    tx: Transaction, before: Mapping[UUID, CaseFile], after: Files, *, now: datetime
) -> datetime | None:
    """Write what differs between `before` and `after`; return the earliest instant armed."""
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
    set_now = [item for _, new in pairs for item in new.deadlines.items()]
    return await deadlines.arm(
        tx,
        [deadline for _, deadline in set_now if deadline is not None],
        [owner for owner, deadline in set_now if deadline is None],
    )


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
            " WHERE status IN ('waiting', 'pending', 'bundled')"
            " AND alert_id = ANY(CAST(:ids AS uuid[]))",
            {"ids": silenced, "now": now},
        )
    await tx.insert(
        notification,
        [rows.of_notice(notice) for _, new in pairs for notice in new.notices],
        tail="ON CONFLICT DO NOTHING",
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
    """Return what was sent for each alert, oldest first; one that another message speaks for
    stands as that one does."""
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in await tx.execute(
        "SELECT n.alert_id, n.recipient_id, n.channel, coalesce(spoken.status, n.status) AS status,"
        " coalesce(spoken.status_at, n.status_at) AS status_at, n.waits_for, n.next_try_at, n.form,"
        " coalesce(spoken.bundled, n.bundled) AS bundled"
        " FROM notification n LEFT JOIN notification spoken"
        " ON n.status = 'bundled' AND spoken.notification_id = n.bundle_id"
        " WHERE n.alert_id = ANY(CAST(:ids AS uuid[])) AND n.form <> 'digest'"
        " ORDER BY n.created_at, n.recipient_id",
        {"ids": list(alert_ids)},
    ):
        found[row["alert_id"]].append(row)
    return found
