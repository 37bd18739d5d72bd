"""What would be told to whom and when: one case played through the real decisions, with no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from services.alerting.domain import escalation, happenings
from services.alerting.domain.alerts import OPEN, AlertEvent, Deadline
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile, Rules

Deed = Callable[["Simulation"], None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    at: datetime
    what: str
    """`breach`, `told`, or what happened to an alert: `opened`, `nobody`, `resolved`, ..."""
    kind: str
    tier: str
    who: str
    detail: str = ""


@dataclass(slots=True)
class Simulation:
    """One case on a clock of its own."""

    rules: Rules
    file: CaseFile
    now: datetime
    armed: dict[UUID, Deadline] = field(default_factory=dict)
    timeline: list[Line] = field(default_factory=list)

    @classmethod
    def of(cls, rules: Rules, case: Case) -> Simulation:
        """Begin with the first report."""
        simulation = cls(rules, CaseFile(case), case.reported_at)
        simulation._take(happenings.seen(simulation.file, case, rules, now=case.reported_at))
        return simulation

    def asks(self, unit_id: str, state: str) -> None:
        """Say where the assignment of a unit stands."""
        unit = self.rules.snapshot.units[unit_id]
        case_id = self.file.case.case_id
        assignment_id = uuid5(case_id, unit_id)
        known = self.file.holders.get(assignment_id)
        holder = Holder(
            assignment_id, case_id, unit_id, unit.agency, unit.ministry, "lead", state,
            known.version + 1 if known else 1, known.requested_at if known else self.now,
        )  # fmt: skip
        self._take(happenings.assigned(self.file, holder, self.rules, at=self.now, now=self.now))

    def ends(self, *, reached: bool) -> None:
        """Say that the person was reached, or else that the case was closed."""
        known = self.file.case
        if reached:
            said = replace(known, reached_at=self.now)
        else:
            said = replace(known, closed_at=self.now)
        self._take(happenings.seen(self.file, said, self.rules, now=self.now))

    def signals(self, signal: str) -> None:
        """Raise a signal, as `unroutable`."""
        self._take(happenings.signalled(self.file, signal, self.rules, at=self.now, now=self.now))

    def acknowledges(self, tier: str) -> None:
        """Let a tier take its alerts in hand."""
        for alert in list(self.file.alerts.values()):
            if alert.state == OPEN and alert.audience.tier == tier:
                self._take(
                    escalation.acknowledge(self.file, alert, by="simulated", note="", now=self.now)
                )

    def play(self, deeds: Iterable[tuple[datetime, Deed]], until: datetime) -> list[Line]:
        """Let time pass with what is done in it, and return the timeline."""
        for at, deed in sorted(deeds, key=lambda item: item[0]):
            self._pass(at)
            deed(self)
        self._pass(until)
        return self.timeline

    def _pass(self, until: datetime) -> None:
        while due := [d for d in self.armed.values() if d.due_at <= until]:
            first = min(due, key=lambda d: (d.due_at, d.owner))
            self.now = max(self.now, first.due_at)
            del self.armed[first.owner]
            clock = self.file.clocks.get(first.owner)
            if clock is not None and first.breach_at is not None and first.breach_at <= self.now:
                self.timeline.append(Line(self.now, "breach", clock.step, "", "", clock.frame_id))
            self._take(happenings.fired(self.file, self.rules, first, now=self.now))
        self.now = max(self.now, until)

    def _take(self, file: CaseFile) -> None:
        for event in file.alert_events:
            if event.what != "told":
                self.timeline.append(self._line(file, event))
        for notice in file.notices:
            alert = file.alerts[notice.alert_id]
            self.timeline.append(
                Line(
                    self.now,
                    "told",
                    alert.kind,
                    alert.audience.tier,
                    notice.recipient_id,
                    notice.channel,
                )
            )
        for owner, deadline in file.deadlines.items():
            self.armed.pop(owner, None)
            if deadline is not None:
                self.armed[owner] = deadline
        self.file = replace(
            file, deadlines={}, notices=(), clock_events=(), alert_events=(), silenced=frozenset()
        )

    def _line(self, file: CaseFile, event: AlertEvent) -> Line:
        alert = file.alerts[event.alert_id]
        scope = alert.audience.ministry or alert.audience.unit_id
        return Line(self.now, event.what, alert.kind, alert.audience.tier, scope, event.detail)
