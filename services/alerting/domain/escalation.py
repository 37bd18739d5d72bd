"""Who is told next: opening alerts, taking their steps, acknowledging, resolving."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from mesh.errors import FailedPreconditionError, InvalidArgumentError
from policies.model import EscalationPolicy, EscalationStep
from services.alerting.domain import telling
from services.alerting.domain.alerts import (
    ACK,
    ACKNOWLEDGED,
    ARMED,
    IN_HAND,
    OPEN,
    REPEAT,
    RESOLVED,
    SNOOZED,
    STEP,
    Alert,
    AlertEvent,
    Deadline,
    alert_id_of,
    chain,
    next_after,
)
from services.alerting.domain.casefile import CaseFile, Rules
from services.alerting.domain.clocks import hours_of
from services.alerting.domain.recipients import (
    CENTRAL,
    MINISTRY,
    PROVINCE,
    UNIT,
    Audience,
    conflicted,
    desk_of,
    recipients,
)


def warning_of(policy: EscalationPolicy, percent: int) -> EscalationPolicy:
    """Return what `policy` does before the breach: one word to the units, and nothing after it."""
    only = EscalationStep(
        tiers=(UNIT,),
        role="duty",
        after=timedelta(0),
        ack_within=timedelta(0),
        if_nobody="next_now",
        multi_ack=True,
        repeat=None,
    )
    return replace(policy, id=f"{policy.id}_warning_{percent}", priority="normal", steps=(only,))


def audiences(
    file: CaseFile, rules: Rules, policy: EscalationPolicy, assignment_id: UUID | None
) -> tuple[Audience, ...]:
    """Return every tier that `policy` names, each narrowed to what is its own of this case."""
    named = {tier for step in policy.steps for tier in step.tiers}
    holders = [
        holder
        for holder in file.holders.values()
        if (holder.active if assignment_id is None else holder.assignment_id == assignment_id)
    ]
    # Central first: a tier that has nobody is left to it.
    found = [Audience(CENTRAL)] if CENTRAL in named else []
    if MINISTRY in named:
        ministries = {holder.ministry for holder in holders} or _host_ministry(file, rules)
        found += [Audience(MINISTRY, ministry) for ministry in sorted(ministries)]
    if PROVINCE in named and file.case.province:
        found.append(Audience(PROVINCE))
    if UNIT in named:
        found += [Audience(UNIT, h.ministry, h.unit_id) for h in holders]
    return tuple(dict.fromkeys(found))


def _host_ministry(file: CaseFile, rules: Rules) -> set[str]:
    """Return whose work a case is that nobody holds: its host agency's ministry."""
    problem = rules.policies.problem_types.get(file.case.problem_type)
    return {rules.policies.agencies[problem.host_agency].ministry} if problem else set()


def raise_alert(
    file: CaseFile,
    rules: Rules,
    policy: EscalationPolicy,
    told: Iterable[Audience],
    *,
    kind: str,
    cause: str,
    breached_at: datetime,
    now: datetime,
) -> CaseFile:
    """Open an alert for each audience that has none open for this cause, and take its first step.

    A desk in the case's conflict-of-interest set gets no alert at all.
    """
    for audience in told:
        alike = [
            alert
            for alert in file.alerts.values()
            if alert.group == (policy.id, cause) and alert.audience == audience
        ]
        desk = desk_of(rules.snapshot, file.case, audience)
        if any(a.state != RESOLVED for a in alike) or (desk and conflicted(file.case, desk)):
            continue
        first = breached_at + chain(policy, audience.tier)[0].after
        alert = Alert(
            alert_id=alert_id_of(file.case.case_id, policy.id, cause, audience, len(alike)),
            case_id=file.case.case_id,
            policy=policy,
            policy_stamp=rules.policies.stamp()["escalation"],
            kind=kind,
            cause=cause,
            audience=audience,
            state=ARMED,
            breached_at=breached_at,
            opened_at=now,
            step=-1,
            round=0,
        )
        if first > breached_at and first > now:
            file = file.with_alert(alert).with_deadline(
                alert.alert_id, _deadline(alert, STEP, 0, first)
            )
        else:
            file = take_step(file, rules, alert, 0, now=now)
    return file


def take_step(file: CaseFile, rules: Rules, alert: Alert, place: int, *, now: datetime) -> CaseFile:
    """Tell whoever stands at `place` of the tier's chain, and arm what comes after.

    With nobody there the next step is taken at once; past the chain's end, central has it.
    """
    steps = chain(alert.policy, alert.audience.tier)
    if alert.state == ARMED:
        if not steps[place].multi_ack and _answered(file, alert):
            return resolve(file, alert, "answered_elsewhere", now=now)
        alert = replace(alert, state=OPEN, opened_at=now)
        file = file.with_alert(alert, AlertEvent(alert.alert_id, now, "opened", detail=alert.kind))
    while place < len(steps):
        alert = replace(alert, step=place, round=alert.round + 1)
        people = recipients(rules.snapshot, file.case, alert.audience, steps[place].role)
        if people:
            file = telling.tell(file, rules, alert, people, now=now)
            if place + 1 == len(steps) or telling.on_duty(rules, people, now=now):
                return _arm_next(file, rules, alert, now=now)
            # Told, but the office is closed: nobody answers there, so the next is told as well.
            gap = AlertEvent(alert.alert_id, now, "off_duty", detail=steps[place].role)
            file = file.with_alert(alert, gap)
            place += 1
            continue
        nobody = AlertEvent(alert.alert_id, now, "nobody", detail=steps[place].role)
        file = file.with_alert(alert, nobody)
        if steps[place].if_nobody == "repeat":
            return _arm_next(file, rules, alert, now=now)
        place += 1
    return go_up(file, rules, alert, now=now)


def go_up(file: CaseFile, rules: Rules, alert: Alert, *, now: datetime) -> CaseFile:
    """Leave an alert that its own tier does not answer to central, which is told until it acts.

    Where central has an alert of the same cause it climbs its own chain; else its desk is told of
    this one.
    """
    file = file.with_deadline(alert.alert_id, None)
    if alert.kind == telling.WARNING:
        return file  # before a breach nobody but the unit is told
    central = [
        other
        for other in file.alerts.values()
        if other.group == alert.group and other.audience.tier == CENTRAL and other.state != RESOLVED
    ]
    if central or alert.audience.tier == CENTRAL:
        return file.with_alert(alert, AlertEvent(alert.alert_id, now, "left_to_central"))
    alert = replace(alert, round=alert.round + 1)
    people = recipients(rules.snapshot, file.case, Audience(CENTRAL), "duty")
    told = ",".join(unit.id for unit in people) or "nobody"
    return file.with_alert(
        alert, AlertEvent(alert.alert_id, now, "went_up", detail=told)
    ).with_notices(*telling.notices_for(rules, alert, people, now=now))


def _answered(file: CaseFile, alert: Alert) -> bool:
    return any(
        other.group == alert.group and other.acknowledged_at is not None
        for other in file.alerts.values()
    )


def _arm_next(file: CaseFile, rules: Rules, alert: Alert, *, now: datetime) -> CaseFile:
    if alert.kind == telling.WARNING:
        return file
    purpose, place, wait = next_after(alert, now=now)
    due = now + wait
    repeat = chain(alert.policy, alert.audience.tier)[alert.step].repeat
    if purpose == REPEAT and repeat is not None and repeat.within is not None:
        due = hours_of(rules.hours, repeat.within).next_open(due)
    return file.with_deadline(alert.alert_id, _deadline(alert, purpose, place, due))


def _deadline(alert: Alert, purpose: str, stage: int, due_at: datetime) -> Deadline:
    rank = 0 if alert.emergency else 1
    return Deadline(alert.alert_id, alert.case_id, purpose, stage, alert.round, due_at, rank)


def fire(file: CaseFile, rules: Rules, deadline: Deadline, *, now: datetime) -> CaseFile:
    """Do what an alert's deadline was armed for."""
    alert = file.alerts[deadline.owner]
    if alert.state == RESOLVED or deadline.gen != alert.round:
        return file
    if deadline.purpose == ACK:
        if alert.state not in IN_HAND:
            return file
        # Somebody took it and it is still not done: back to the same step.
        why = "ack_timeout" if alert.state == ACKNOWLEDGED else "snooze_over"
        alert = replace(alert, state=OPEN, snoozed_until=None)
        again = AlertEvent(alert.alert_id, now, "reopened", detail=why)
        return take_step(file.with_alert(alert, again), rules, alert, max(alert.step, 0), now=now)
    if alert.state in IN_HAND:
        return file
    if deadline.stage >= len(chain(alert.policy, alert.audience.tier)):
        return go_up(file, rules, alert, now=now)
    return take_step(file, rules, alert, deadline.stage, now=now)


def acknowledge(file: CaseFile, alert: Alert, *, by: str, note: str, now: datetime) -> CaseFile:
    """Say that a person took the alert in hand: no later step, no queued message, until the
    acknowledgement itself runs out. Repeating it changes nothing."""
    if alert.state in (ACKNOWLEDGED, RESOLVED):
        return file
    taken = replace(
        alert,
        state=ACKNOWLEDGED,
        acknowledged_at=now,
        acknowledged_by=by,
        note=note,
        snoozed_until=None,
    )
    due = now + alert.policy.ack_timeout
    file = file.with_alert(taken, AlertEvent(alert.alert_id, now, "acknowledged", actor=by))
    file = file.with_deadline(alert.alert_id, _deadline(taken, ACK, 0, due))
    return replace(file, silenced=file.silenced | {alert.alert_id})


def snooze(
    file: CaseFile, alert: Alert, *, by: str, reason: str, until: datetime, now: datetime
) -> CaseFile:
    """Put an alert off until an instant, for a coded reason; then it is back at the same step."""
    if alert.state == RESOLVED:
        raise FailedPreconditionError("this alert has ended", reason="ALERT_RESOLVED")
    longest = alert.policy.snooze_at_most
    if not now < until <= now + longest:
        raise InvalidArgumentError(
            "nothing of this kind is put off that long", reason="SNOOZE_TOO_LONG"
        )
    put_off = replace(alert, state=SNOOZED, snoozed_until=until)
    said = AlertEvent(alert.alert_id, now, "snoozed", actor=by, detail=reason)
    file = file.with_alert(put_off, said)
    file = file.with_deadline(alert.alert_id, _deadline(put_off, ACK, 0, until))
    return replace(file, silenced=file.silenced | {alert.alert_id})


def refuse(
    file: CaseFile, rules: Rules, alert: Alert, *, by: str, reason: str, now: datetime
) -> CaseFile:
    """Say that whoever was told cannot take it in hand: the next step is taken at once."""
    if alert.state == RESOLVED:
        raise FailedPreconditionError("this alert has ended", reason="ALERT_RESOLVED")
    alert = replace(alert, state=OPEN, snoozed_until=None)
    file = file.with_alert(alert, AlertEvent(alert.alert_id, now, "nacked", by, reason))
    return _climb(file, rules, alert, now=now)


def resolve(
    file: CaseFile, alert: Alert, why: str, *, now: datetime, by: str = "songtor"
) -> CaseFile:
    """End an alert: because the case moved on, or because a person says so."""
    if alert.state == RESOLVED:
        return file
    ended = replace(alert, state=RESOLVED, resolved_at=now, resolution=why, snoozed_until=None)
    said = AlertEvent(alert.alert_id, now, "resolved", actor=by, detail=why)
    file = file.with_alert(ended, said).with_deadline(alert.alert_id, None)
    return replace(file, silenced=file.silenced | {alert.alert_id})


def undeliverable(file: CaseFile, rules: Rules, alert: Alert, *, now: datetime) -> CaseFile:
    """Take the next step at once: no message of the last one can arrive."""
    if alert.state != OPEN:
        return file
    failed = AlertEvent(alert.alert_id, now, "undeliverable")
    return _climb(file.with_alert(alert, failed), rules, alert, now=now)


def _climb(file: CaseFile, rules: Rules, alert: Alert, *, now: datetime) -> CaseFile:
    """Take the next step now, whenever it was due."""
    steps = chain(alert.policy, alert.audience.tier)
    if alert.step + 1 < len(steps):
        return take_step(file, rules, alert, alert.step + 1, now=now)
    if steps[alert.step].repeat is not None:
        return _arm_next(file, rules, alert, now=now)  # the repeat tries again
    return go_up(file, rules, alert, now=now)
