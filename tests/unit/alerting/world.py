"""One case in a small country, told in the domain's words, on a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from directory.model import Snapshot, Unit
from policies.calendar import open_hours
from policies.reader import load
from services.alerting.domain import escalation, happenings
from services.alerting.domain.alerts import OPEN, RESOLVED, Alert, Deadline, Notice
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile, Rules
from tests.unit.directory.registries import unit

START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 09:00 in Bangkok
CASE = UUID("00000000-0000-4000-8000-000000000001")
STATION, SHELTER = "TH-RTP-5001-001", "TH-MSDHS-5001-001"
POLICIES = load()
HOURS = open_hours(POLICIES)


def desk(unit_id: str, tier: str, area: str, ministry: str = "msdhs", **fields: Any) -> Unit:
    return unit(
        unit_id,
        area,
        tier=tier,
        ministry=ministry,
        **{"agency": "msdhs", "unit_type": f"{tier}_desk", "roles": ("tier_desk",), **fields},
    )


COUNTRY = (
    unit(STATION, "500101", parent="province-50"),
    unit(SHELTER, "500102", agency="msdhs", ministry="msdhs", unit_type="family_shelter"),
    desk("province-50", "province", "500101"),
    desk("province-51", "province", "510101"),
    desk("ministry-police", "ministry", "100101", "police"),
    desk("ministry-msdhs", "ministry", "100101", "msdhs"),
    desk("ministry-labour", "ministry", "100101", "labour"),
    desk("central", "central", "100101", coverage=("TH",)),
)


def rules(*without: str, **changed: dict[str, Any]) -> Rules:
    """Return the shipped policies over the small country, less or changed as told."""
    units = [
        replace(u, **changed.get(u.id.replace("-", "_"), {}))
        for u in COUNTRY
        if u.id not in without
    ]
    return Rules(POLICIES, HOURS, Snapshot.of(1, units, digest="test"))


def case(**fields: Any) -> Case:
    given: dict[str, Any] = {
        "case_id": CASE,
        "reference": "SR-2569-000001-7",
        "province": "50",
        "problem_types": ("trafficking",),
        "ess_cause": "",
        "urgency": "urgent",
        "silent": False,
        "excluded": frozenset(),
        "reported_at": START,
    }
    return Case(**{**given, **fields})


def assignment_of(unit_id: str) -> UUID:
    return uuid5(CASE, unit_id)


class Story:
    """Drives one file as the service does: facts come, time passes, deadlines fire."""

    def __init__(self, by: Rules | None = None, **fields: Any) -> None:
        self.rules = by or rules()
        self.now = START
        self.file = CaseFile(case(**fields))
        self.armed: dict[UUID, Deadline] = {}
        self.notices: list[tuple[datetime, Notice]] = []
        self.breaches: list[tuple[str, datetime]] = []
        self.facts: list[tuple[UUID, int]] = []
        self._take(happenings.seen(self.file, self.file.case, self.rules, now=self.now))

    def tells(self, **fields: Any) -> Story:
        """An event says something of the case."""
        said = case(**{"urgency": "normal", **fields})
        self._take(happenings.seen(self.file, said, self.rules, now=self.now))
        return self

    def asks(self, unit_id: str, state: str = "requested", version: int = 1) -> Story:
        """Routing says where an assignment stands."""
        of = self.rules.snapshot.units[unit_id]
        holder = Holder(
            assignment_of(unit_id), CASE, unit_id, of.agency, of.ministry, "lead", state, version,
            self.now if version == 1 else self.file.holders[assignment_of(unit_id)].requested_at,
        )  # fmt: skip
        self._take(happenings.assigned(self.file, holder, self.rules, at=self.now, now=self.now))
        return self

    def reached(self) -> Story:
        return self.tells(reached_at=self.now)

    def signals(self, signal: str) -> Story:
        self._take(happenings.signalled(self.file, signal, self.rules, at=self.now, now=self.now))
        return self

    def acknowledges(self, tier: str) -> Story:
        for alert in self.open(tier):
            self._take(
                escalation.acknowledge(self.file, alert, by="officer", note="", now=self.now)
            )
        return self

    def passes(self, **length: float) -> Story:
        """Let time pass, every deadline firing at its own instant."""
        until = self.now + timedelta(**length)
        while due := [d for d in self.armed.values() if d.due_at <= until]:
            first = min(due, key=lambda d: (d.due_at, d.owner))
            self.now = max(self.now, first.due_at)
            self._fire(first)
        self.now = until
        return self

    def sleeps(self, **length: float) -> Story:
        """Let time pass with the service down, then fire what is due, oldest first."""
        self.now += timedelta(**length)
        while due := [d for d in self.armed.values() if d.due_at <= self.now]:
            self._fire(min(due, key=lambda d: (d.due_at, d.owner)))
        return self

    def _fire(self, deadline: Deadline) -> None:
        assert deadline.due_at <= self.now, "fired early"
        del self.armed[deadline.owner]
        if deadline.breach_at is not None and deadline.breach_at <= self.now:
            clock = self.file.clocks[deadline.owner]
            self.breaches.append((clock.step, deadline.breach_at))
            self.facts.append((clock.clock_id, clock.gen))
        self._take(happenings.fired(self.file, self.rules, deadline, now=self.now))

    def _take(self, file: CaseFile) -> None:
        self.notices += [(self.now, notice) for notice in file.notices]
        for owner, deadline in file.deadlines.items():
            self.armed.pop(owner, None)
            if deadline is not None:
                self.armed[owner] = deadline
        self.file = replace(
            file, deadlines={}, notices=(), clock_events=(), alert_events=(), silenced=frozenset()
        )

    def open(self, tier: str = "") -> list[Alert]:
        return [
            alert
            for alert in self.file.alerts.values()
            if alert.state == OPEN and tier in ("", alert.audience.tier)
        ]

    def told(self, kind: str = "", since: datetime = START) -> list[str]:
        """Return who was told, in order; of one kind of alert or of any."""
        return [
            notice.recipient_id
            for at, notice in self.notices
            if at >= since and kind in ("", self.file.alerts[notice.alert_id].kind)
        ]

    def unresolved(self) -> list[Alert]:
        return [a for a in self.file.alerts.values() if a.state != RESOLVED]
