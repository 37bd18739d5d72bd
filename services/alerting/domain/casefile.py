"""A case as alerting sees it whole, and what one decision changed in it.

Decisions take a file and give a file back; storage writes the difference. Everything about a case
is decided under the lock of its row, so a file is never stale while it is decided on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from directory.model import Snapshot
from policies import rules
from policies.model import Policies, TimeFrame
from services.alerting.domain.alerts import Alert, AlertEvent, Deadline, Notice
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.clocks import CaseClock, ClockEvent, Hours


@dataclass(frozen=True, slots=True)
class Rules:
    """By what is decided: one version of the policies, laid out, and one of the directory."""

    policies: Policies
    hours: Hours
    snapshot: Snapshot
    calendar_keys: Mapping[str, str] = field(default_factory=dict)
    """Each calendar's code to the version in force; what is missing has one version only."""
    frames: dict[tuple[str, str, bool, str], tuple[TimeFrame, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The time frames found for a kind of case, kept: the same few kinds come all day."""

    def calendar(self, code: str) -> str:
        """Return the key of the version of a calendar that holds now."""
        return self.calendar_keys.get(code, code)

    def frames_for(self, case: Case, per: str) -> tuple[TimeFrame, ...]:
        """Return the time frames that hold a case, or each assignment of it."""
        kind = case.problem_type, case.urgency, bool(case.ess_cause), per
        found = self.frames.get(kind)
        if found is None:
            problem_type, urgency, ess, _ = kind
            found = self.frames[kind] = tuple(
                frame
                for frame in rules.frames_for(
                    self.policies, problem_type=problem_type, urgency=urgency, ess=ess
                )
                if frame.per == per
            )
        return found


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing told by another service: what it says of the case, and what happened."""

    case: Case
    at: datetime
    holder: Holder | None = None
    signal: str = ""


@dataclass(frozen=True, slots=True)
class CaseFile:
    case: Case
    holders: Mapping[UUID, Holder] = field(default_factory=dict)
    clocks: Mapping[UUID, CaseClock] = field(default_factory=dict)
    alerts: Mapping[UUID, Alert] = field(default_factory=dict)
    deadlines: Mapping[UUID, Deadline | None] = field(default_factory=dict)
    """Only those that this decision sets, by owner; None disarms."""
    clock_events: tuple[ClockEvent, ...] = ()
    alert_events: tuple[AlertEvent, ...] = ()
    notices: tuple[Notice, ...] = ()
    silenced: frozenset[UUID] = frozenset()
    """Alerts whose messages that wait to be sent no longer go."""

    def with_clock(self, clock: CaseClock, events: tuple[ClockEvent, ...] = ()) -> CaseFile:
        return replace(
            self,
            clocks={**self.clocks, clock.clock_id: clock},
            clock_events=(*self.clock_events, *events),
        )

    def with_alert(self, alert: Alert, *events: AlertEvent) -> CaseFile:
        return replace(
            self,
            alerts={**self.alerts, alert.alert_id: alert},
            alert_events=(*self.alert_events, *events),
        )

    def with_deadline(self, owner: UUID, deadline: Deadline | None) -> CaseFile:
        return replace(self, deadlines={**self.deadlines, owner: deadline})

    def with_notices(self, *notices: Notice) -> CaseFile:
        return replace(self, notices=(*self.notices, *notices))
