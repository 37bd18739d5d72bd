"""What each thing that happens to a case does to its clocks and alerts.

Every function takes the file and gives it back changed. Events come late, twice and out of order;
the file ends the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from policies.model import EscalationPolicy, TimeFrame
from services.alerting.domain import clocks, escalation
from services.alerting.domain.alerts import RESOLVED, Alert, Deadline
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile, Rules
from services.alerting.domain.clocks import BREACH, CaseClock, Moved
from services.alerting.domain.recipients import MINISTRY, conflicted, desk_of
from services.alerting.domain.telling import WARNING

RECEIVER = "receiver"
CLOCK = "clock"
"""The purpose of a deadline whose owner is a clock."""
_NAMESPACE = UUID("0b1e6c9a-7e0f-5b0f-8a51-1f0c9d1c7a55")


def seen(file: CaseFile, case: Case, rules: Rules, *, now: datetime) -> CaseFile:
    """Take in what an event says of the case: start what must run, speed up what became urgent,
    end what is settled."""
    joined = file.case.joined(case)
    if joined is file.case and file.clocks:
        return file  # taken in before: every clock and alert of it stands as it must
    file = replace(file, case=joined)
    for frame in rules.frames_for(file.case, "case"):
        begun = _first(file.case, frame.starts_on)
        ended = _first(file.case, frame.stops_on)
        if begun:
            running = Obligation(frame, None, begun[0], rules.calendar(frame.calendar))
            file = _hold_to(file, rules, running, now=now)
            if ended:
                file = _stop(file, rules, running, min(ended[0], now), ended[1])
    for holder in file.holders.values():
        file = _hold_holder(file, rules, holder, now, now=now)
    return _settle(_raise_emergency(file, rules, now=now), rules, now=now)


def assigned(
    file: CaseFile, holder: Holder, rules: Rules, *, at: datetime, now: datetime
) -> CaseFile:
    """Take in an assignment's state, unless a later one is known already."""
    known = file.holders.get(holder.assignment_id)
    if known is not None and known.version >= holder.version:
        return file
    file = replace(file, holders={**file.holders, holder.assignment_id: holder})
    file = _hold_holder(file, rules, holder, at, now=now)
    return _settle(_raise_emergency(file, rules, now=now), rules, now=now)


def signalled(
    file: CaseFile, signal: str, rules: Rules, *, at: datetime, now: datetime
) -> CaseFile:
    """Raise the alert that policy has for a signal, as `unroutable`; none for a settled case."""
    policy = _policy_for_signal(rules, signal)
    if policy is None or file.case.settled:
        return file
    told = escalation.audiences(file, rules, policy, None)
    return escalation.raise_alert(
        file, rules, policy, told, kind=signal, cause=signal, breached_at=at, now=now
    )


def fired(file: CaseFile, rules: Rules, deadline: Deadline, *, now: datetime) -> CaseFile:
    """Do what a deadline was armed for; one of an older generation does nothing.

    A warning that comes only when it is too late warns nobody: the breach is told instead.
    """
    if deadline.purpose != CLOCK:
        return escalation.fire(file, rules, deadline, now=now)
    clock = file.clocks[deadline.owner]
    if clock.gen != deadline.gen or clock.running_since is None:
        return file
    breached_at = deadline.breached_at
    if breached_at is None or breached_at > now:
        stage = _latest_warning(rules, clock, deadline.stage, now=now)
        return _warn(_arm(file, rules, clock, stage), rules, clock, stage, now=now)
    file = file.with_clock(replace(clock, breached=True))
    policy = _policy_for_step(rules, clock.step)
    told = escalation.audiences(file, rules, policy, clock.assignment_id)
    file = escalation.raise_alert(
        file,
        rules,
        policy,
        told,
        kind=f"{clock.step}_overdue",
        cause=clock.step,
        breached_at=breached_at,
        now=now,
    )
    return _settle(file, rules, now=now)


def _latest_warning(rules: Rules, clock: CaseClock, stage: int, *, now: datetime) -> int:
    """Return the last warning that has come by now: after a sleep only that one is worth a word."""
    while (following := clocks.next_stage(clock, stage)) is not None and following < BREACH:
        at = clocks.reaches(clock, rules.hours, following)
        if at is None or at > now:
            break
        stage = following
    return stage


def _warn(file: CaseFile, rules: Rules, clock: CaseClock, stage: int, *, now: datetime) -> CaseFile:
    """Tell the units that hold the work, and only them, that a budget runs out."""
    due = clocks.reaches(clock, rules.hours, BREACH)
    if due is None or due <= now:
        return file
    policy = escalation.warning_of(_policy_for_step(rules, clock.step), stage)
    told = escalation.audiences(file, rules, policy, clock.assignment_id)
    return escalation.raise_alert(
        file, rules, policy, told, kind=WARNING, cause=clock.step, breached_at=due, now=now
    )


def _raise_emergency(file: CaseFile, rules: Rules, *, now: datetime) -> CaseFile:
    """Tell of an ESS case at once, each tier and each unit asked once: no timer is waited for."""
    policy = _policy_for_signal(rules, file.case.ess_cause)
    if policy is None or file.case.settled:
        return file
    group = policy.id, file.case.ess_cause
    told_before = {a.audience for a in file.alerts.values() if a.group == group}
    told = [
        audience
        for audience in escalation.audiences(file, rules, policy, None)
        if audience not in told_before
        # Whose work it is shows when a unit is asked; until then no ministry is guessed.
        and (audience.tier != MINISTRY or file.holders)
    ]
    return escalation.raise_alert(
        file,
        rules,
        policy,
        told,
        kind="ess",
        cause=file.case.ess_cause,
        breached_at=file.case.reported_at,
        now=now,
    )


def _settle(file: CaseFile, rules: Rules, *, now: datetime) -> CaseFile:
    """End every alert whose reason is gone, or whose desk turns out to be implicated."""
    for alert in tuple(file.alerts.values()):
        if alert.state == RESOLVED:
            continue
        desk = desk_of(rules.snapshot, file.case, alert.audience)
        if desk is not None and conflicted(file.case, desk):
            file = escalation.resolve(file, alert, "conflict_of_interest", now=now)
        elif not _still_true(file, alert):
            file = escalation.resolve(file, alert, "reason_gone", now=now)
    return file


def _still_true(file: CaseFile, alert: Alert) -> bool:
    late = [
        clock
        for clock in file.clocks.values()
        if clock.step == alert.cause and clock.stopped_at is None
    ]
    if alert.kind == WARNING:
        return any(not clock.breached and _concerns(file, clock, alert) for clock in late)
    if alert.kind == f"{alert.cause}_overdue":
        return any(clock.breached and _concerns(file, clock, alert) for clock in late)
    return not file.case.settled


def _concerns(file: CaseFile, clock: CaseClock, alert: Alert) -> bool:
    """Whether a clock is the business of the alert's audience."""
    if clock.assignment_id is None:
        return True
    holder = file.holders[clock.assignment_id]
    match alert.audience.tier:
        case "unit":
            return holder.unit_id == alert.audience.unit_id
        case "ministry":
            return holder.ministry == alert.audience.ministry
        case _:
            return True


def _first(case: Case, events: Iterable[str]) -> tuple[datetime, str] | None:
    """Return the earliest of `events` that has happened to the case."""
    known = {
        "case.reported": case.reported_at,
        "case.reached": case.reached_at,
        "case.closed": case.closed_at,
    }
    happened = [(at, event) for event in events if (at := known.get(event)) is not None]
    return min(happened, default=None)


def _events_of(holder: Holder) -> set[str]:
    """Return what has happened to an assignment that stands as it does."""
    if holder.waiting:
        return {"assignment.requested"}
    return {"assignment.requested", "assignment.accepted" if holder.active else "assignment.ended"}


def _hold_holder(
    file: CaseFile, rules: Rules, holder: Holder, at: datetime, *, now: datetime
) -> CaseFile:
    """Hold the clocks of one assignment to what its state says."""
    happened = _events_of(holder)
    for frame in rules.frames_for(file.case, "assignment"):
        begun = holder.requested_at if "assignment.requested" in frame.starts_on else at
        running = Obligation(frame, holder.assignment_id, begun, _calendar_of(rules, frame, holder))
        if happened.intersection(frame.starts_on):
            file = _hold_to(file, rules, running, now=now)
        # What began with the acceptance ends with the assignment, which then is not accepted.
        ends = happened.intersection(frame.stops_on)
        if ends:
            file = _stop(file, rules, running, min(at, now), min(ends))
        elif "assignment.on_hold" in frame.pauses_on:
            file = _pause_or_resume(file, rules, running, holder, at)
    return file


def _calendar_of(rules: Rules, frame: TimeFrame, holder: Holder) -> str:
    if frame.calendar != RECEIVER:
        return rules.calendar(frame.calendar)
    unit = rules.snapshot.units.get(holder.unit_id)
    return rules.calendar(unit.hours) if unit else "24x7"


@dataclass(frozen=True, slots=True)
class Obligation:
    """A time frame as it holds for one case, or for one assignment of it."""

    frame: TimeFrame
    assignment_id: UUID | None
    begun_at: datetime
    calendar: str

    def clock_of(self, file: CaseFile) -> CaseClock | None:
        """Return the clock that was started for it."""
        for clock in file.clocks.values():
            if clock.step == self.frame.step and clock.assignment_id == self.assignment_id:
                return clock
        return None

    def new_id(self, case: Case) -> UUID:
        return uuid5(_NAMESPACE, f"{case.case_id}|{self.frame.step}|{self.assignment_id or ''}")


def _hold_to(file: CaseFile, rules: Rules, running: Obligation, *, now: datetime) -> CaseFile:
    """Start the clock of an obligation, or turn the one that runs to its time frame."""
    known = running.clock_of(file)
    if known is not None:
        moved = clocks.retarget(
            known,
            running.frame,
            rules.hours,
            calendar=running.calendar,
            at=now,
            reason="time_frame",
        )
        return _moved(file, rules, moved)
    warn = _policy_for_step(rules, running.frame.step).warn
    moved = clocks.start(
        running.new_id(file.case),
        file.case.case_id,
        running.frame,
        calendar=running.calendar,
        at=running.begun_at,
        reason=running.frame.starts_on[0],
        warn=warn.at_percent if warn else (),
        assignment_id=running.assignment_id,
    )
    return _moved(file, rules, moved)


def _stop(file: CaseFile, rules: Rules, running: Obligation, at: datetime, reason: str) -> CaseFile:
    clock = running.clock_of(file)
    return file if clock is None else _stopped(file, rules, clock, at, reason)


def _stopped(file: CaseFile, rules: Rules, clock: CaseClock, at: datetime, reason: str) -> CaseFile:
    return _moved(file, rules, clocks.stop(clock, rules.hours, at=at, reason=reason))


def _pause_or_resume(
    file: CaseFile, rules: Rules, running: Obligation, holder: Holder, at: datetime
) -> CaseFile:
    clock = running.clock_of(file)
    if clock is None:
        return file
    if holder.state == "on_hold":
        return _moved(file, rules, clocks.pause(clock, rules.hours, at=at, reason="on_hold"))
    return _moved(file, rules, clocks.resume(clock, at=at, reason=holder.state))


def _moved(file: CaseFile, rules: Rules, moved: Moved) -> CaseFile:
    clock, events = moved
    return _arm(file.with_clock(clock, events), rules, clock, 0) if events else file


def recalendared(
    file: CaseFile, clock: CaseClock, rules: Rules, *, calendar: str, now: datetime
) -> CaseFile:
    """Count a clock by another version of its calendar; one that this does not move stays."""
    return _moved(file, rules, clocks.recalendar(clock, rules.hours, calendar=calendar, at=now))


def _arm(file: CaseFile, rules: Rules, clock: CaseClock, passed: int) -> CaseFile:
    """Set the clock's one deadline to the stage after `passed`, or disarm it.

    What is broken already breaks no second time, however often it pauses and runs again.
    """
    stage = None if clock.breached else clocks.next_stage(clock, passed)
    due = None if stage is None else clocks.reaches(clock, rules.hours, stage)
    if stage is None or due is None:
        return file.with_deadline(clock.clock_id, None)
    rank = 0 if file.case.ess_cause else 1
    breach_at = clocks.reaches(clock, rules.hours, BREACH)
    armed = Deadline(clock.clock_id, clock.case_id, CLOCK, stage, clock.gen, due, rank, breach_at)
    return file.with_deadline(clock.clock_id, armed)


def _policy_for_step(rules: Rules, step: str) -> EscalationPolicy:
    # The reader refuses policies that watch a step never or twice.
    return next(p for p in rules.policies.escalation.policies.values() if step in p.steps_watched)


def _policy_for_signal(rules: Rules, signal: str) -> EscalationPolicy | None:
    policies = rules.policies.escalation.policies.values()
    return next((policy for policy in policies if signal in policy.signals), None)
