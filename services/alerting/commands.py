"""What alerting is told to do: read, decide, write, announce, in the caller's transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from directory.model import Snapshot
from mesh import audit, telemetry
from mesh.audit import Leaf
from mesh.database import Transaction
from mesh.errors import NotFoundError
from mesh.outbox import Outbox
from policies.calendar import OpenHours
from policies.model import Policies
from services.alerting import deadlines, storage, wire
from services.alerting.domain import escalation, happenings
from services.alerting.domain.alerts import ARMED, Alert, Deadline
from services.alerting.domain.case import Case
from services.alerting.domain.casefile import CaseFile, Happening, Rules
from services.alerting.storage import Files

log = structlog.get_logger(__name__)

BREACHES_UNTOLD = "songtor.alerting.breaches_untold"
AUDITED = frozenset({"opened", "acknowledged", "nacked", "snoozed", "went_up", "resolved"})
"""What an alert's history shares with the audit log."""
SOON = timedelta(seconds=2)
"""What falls due within this time does not wait for the sweeper's next look."""


@dataclass(frozen=True, slots=True)
class Engine:
    """By what alerting decides, and whom it wakes when there is something to send."""

    policies: Policies
    hours: dict[str, OpenHours]
    """Calendars by code and by version; older versions join those in force when they are read."""
    directory: Callable[[], Snapshot]
    """Returns the directory in force; raises `UnavailableError` until one is loaded."""
    outbox: Outbox
    to_send: asyncio.Event
    armed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something was armed that is due before the sweeper's next look."""
    to_pace: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when messages were written that may have to wait."""
    calendar_keys: Mapping[str, str] = field(default_factory=dict)
    """Each calendar's code to the key of its version in force; `hours` holds both."""
    _last: list[Rules] = field(default_factory=list)

    def remember(self, older: Mapping[str, OpenHours]) -> None:
        """Count by older versions of calendars too, where a clock was held to them."""
        self.hours.update({key: hours for key, hours in older.items() if key not in self.hours})

    def rules(self) -> Rules:
        """Return by what is decided now; the same object until the directory changes."""
        snapshot = self.directory()
        if not self._last or self._last[0].snapshot is not snapshot:
            self._last[:] = [Rules(self.policies, self.hours, snapshot, self.calendar_keys)]
        return self._last[0]


async def take_in(
    tx: Transaction, engine: Engine, told: Sequence[Happening], *, now: datetime
) -> None:
    """Take in what other services tell. Everything an emergency needs is written here and now."""
    rules = engine.rules()
    before = await storage.lock(tx, _joined(told))
    after = dict(before)
    # A breach whose fact is written already comes before what is told now.
    _fire(after, await deadlines.take_recorded(tx, list(before)), rules, now=now)
    for happening in told:
        case_id = happening.case.case_id
        after[case_id] = _take(after[case_id], happening, rules, now=now)
    await _write(tx, engine, before, after, now=now)


def _joined(told: Iterable[Happening]) -> list[Case]:
    cases: dict[UUID, Case] = {}
    for happening in told:
        case = happening.case
        known = cases.get(case.case_id)
        cases[case.case_id] = known.joined(case) if known else case
    return list(cases.values())


def _take(file: CaseFile, happening: Happening, rules: Rules, *, now: datetime) -> CaseFile:
    file = happenings.seen(file, happening.case, rules, now=now)
    if happening.holder is not None:
        file = happenings.assigned(file, happening.holder, rules, at=happening.at, now=now)
    if happening.signal:
        file = happenings.signalled(file, happening.signal, rules, at=happening.at, now=now)
    return file


async def fire(tx: Transaction, engine: Engine, due: Sequence[Deadline], *, now: datetime) -> None:
    """Decide what claimed deadlines do to their cases, which the claim has locked."""
    if not due:
        return
    before = await storage.load(tx, [deadline.case_id for deadline in due])
    after = dict(before)
    _fire(after, due, engine.rules(), now=now)
    await _write(tx, engine, before, after, now=now)


def _fire(after: Files, due: Sequence[Deadline], rules: Rules, *, now: datetime) -> None:
    for deadline in due:
        file = happenings.fired(after[deadline.case_id], rules, deadline, now=now)
        after[deadline.case_id] = file
        if deadline.purpose == happenings.CLOCK and not _anybody_told(file, deadline):
            # Every desk is implicated, or none exists: the operators are the last who can act.
            log.error("breach_untold", case_id=str(deadline.case_id))
            telemetry.count(BREACHES_UNTOLD)


def _anybody_told(file: CaseFile, deadline: Deadline) -> bool:
    clock = file.clocks[deadline.owner]
    return not clock.breached or any(alert.cause == clock.step for alert in file.alerts.values())


async def acknowledge(
    tx: Transaction, engine: Engine, alert_id: UUID, *, by: str, note: str, now: datetime
) -> tuple[Alert, Case]:
    """Say that a person took an alert in hand; repeating it changes nothing."""
    before, file, alert = await _file_of(tx, alert_id)
    after = escalation.acknowledge(file, alert, by=by, note=note, now=now)
    await _write(tx, engine, before, {file.case.case_id: after}, now=now)
    return after.alerts[alert_id], after.case


async def refuse(
    tx: Transaction, engine: Engine, alert_id: UUID, *, by: str, reason: str, now: datetime
) -> tuple[Alert, Case]:
    """Escalate now: whoever was told says that they cannot."""
    before, file, alert = await _file_of(tx, alert_id)
    after = escalation.refuse(file, engine.rules(), alert, by=by, reason=reason, now=now)
    await _write(tx, engine, before, {file.case.case_id: after}, now=now)
    return after.alerts[alert_id], after.case


async def snooze(
    tx: Transaction,
    engine: Engine,
    alert_id: UUID,
    *,
    by: str,
    reason: str,
    until: datetime,
    now: datetime,
) -> tuple[Alert, Case]:
    """Put an alert off, for a reason and until an instant."""
    before, file, alert = await _file_of(tx, alert_id)
    after = escalation.snooze(file, alert, by=by, reason=reason, until=until, now=now)
    await _write(tx, engine, before, {file.case.case_id: after}, now=now)
    return after.alerts[alert_id], after.case


async def resolve(
    tx: Transaction, engine: Engine, alert_id: UUID, *, by: str, reason: str, now: datetime
) -> tuple[Alert, Case]:
    """End an alert because a person says so; repeating it changes nothing."""
    before, file, alert = await _file_of(tx, alert_id)
    after = escalation.resolve(file, alert, reason, by=by, now=now)
    await _write(tx, engine, before, {file.case.case_id: after}, now=now)
    return after.alerts[alert_id], after.case


async def undeliverable(tx: Transaction, engine: Engine, alert_id: UUID, *, now: datetime) -> None:
    """Go on to whoever comes next, because no message of the last step arrives."""
    before, file, alert = await _file_of(tx, alert_id)
    after = escalation.undeliverable(file, engine.rules(), alert, now=now)
    await _write(tx, engine, before, {file.case.case_id: after}, now=now)


async def _file_of(tx: Transaction, alert_id: UUID) -> tuple[Files, CaseFile, Alert]:
    case_id = await storage.case_of_alert(tx, alert_id)
    files = await storage.load(tx, [case_id], lock=True) if case_id else {}
    if case_id is None or files[case_id].alerts[alert_id].state == ARMED:
        raise NotFoundError("no such alert", reason="NO_SUCH_ALERT")
    return files, files[case_id], files[case_id].alerts[alert_id]


async def _write(
    tx: Transaction, engine: Engine, before: Mapping[UUID, CaseFile], after: Files, *, now: datetime
) -> None:
    """Save the difference, announce the alerts that changed, and leave their audit leaves."""
    earliest = await storage.save(tx, before, after, now=now)
    if earliest is not None and earliest <= now + SOON:
        tx.after_commit(engine.armed.set)
    await engine.outbox.append(
        tx,
        [
            wire.alert_event(alert, after[case_id].case, now=now)
            for case_id in after
            for alert in _announced(before[case_id], after[case_id])
        ],
    )
    await audit.append(
        tx,
        [
            Leaf(event.actor, f"alert_{event.what}", str(event.alert_id), {"detail": event.detail})
            for file in after.values()
            for event in file.alert_events
            if event.what in AUDITED
        ],
        now=now,
    )
    written = [notice for file in after.values() for notice in file.notices]
    if any(notice.paced for notice in written):
        tx.after_commit(engine.to_pace.set)
    if not all(notice.paced for notice in written):
        tx.after_commit(engine.to_send.set)


def _announced(before: CaseFile, after: CaseFile) -> list[Alert]:
    """Return the alerts whose state is another now; what is only armed is nobody's to see."""
    states = {alert_id: alert.state for alert_id, alert in before.alerts.items()}
    return [
        alert
        for alert_id, alert in after.alerts.items()
        if alert.state not in (ARMED, states.get(alert_id))
    ]
