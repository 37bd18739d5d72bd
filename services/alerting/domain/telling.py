"""Writing to whoever is told: by which channels, how urgently, and when a word is left out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from directory.model import Unit
from services.alerting.domain.alerts import (
    ACKNOWLEDGED,
    OPEN,
    Alert,
    AlertEvent,
    Notice,
    notice_id_of,
)
from services.alerting.domain.casefile import CaseFile, Rules
from services.alerting.domain.clocks import hours_of

WARNING = "warning"
RANKS = {"emergency": 0, "high": 1, "normal": 2}


def tell(
    file: CaseFile, rules: Rules, alert: Alert, people: Iterable[Unit], *, now: datetime
) -> CaseFile:
    """Write to `people`, unless the same tier knows the case by a graver alert already."""
    graver = inhibitor(file, rules, alert)
    if graver is not None:
        return file.with_alert(alert, AlertEvent(alert.alert_id, now, "inhibited", detail=graver))
    told = AlertEvent(alert.alert_id, now, "told", detail=",".join(unit.id for unit in people))
    return file.with_alert(alert, told).with_notices(*notices_for(rules, alert, people, now=now))


def inhibitor(file: CaseFile, rules: Rules, alert: Alert) -> str | None:
    """Return the cause of the alert that speaks for this one."""
    if alert.emergency:
        return None
    sources = {
        source
        for inhibition in rules.policies.escalation.inhibitions
        if alert.cause in inhibition.target_steps
        for source in inhibition.source_steps
    }
    standing = [
        other.cause
        for other in file.alerts.values()
        if other.cause in sources
        and other.kind != WARNING
        and other.audience == alert.audience
        and other.state in (OPEN, ACKNOWLEDGED)
    ]
    return min(standing, default=None)


def on_duty(rules: Rules, people: Iterable[Unit], *, now: datetime) -> bool:
    """Return whether anybody of `people` is at work now."""
    return any(hours_of(rules.hours, rules.calendar(u.hours)).is_open(now) for u in people)


def notices_for(
    rules: Rules, alert: Alert, people: Iterable[Unit], *, now: datetime
) -> list[Notice]:
    """Return a message for each of `people`, by all channels at once or by the first."""
    priority = rules.policies.escalation.priorities[alert.policy.priority]
    channels = priority.channels if priority.parallel else priority.channels[:1]
    return [
        Notice(
            notification_id=notice_id_of(alert, unit.id, channel),
            alert_id=alert.alert_id,
            case_id=alert.case_id,
            step=alert.step,
            round=alert.round,
            recipient_id=unit.id,
            address=unit.email,
            channel=channel,
            rank=RANKS.get(priority.code, 1),
            resend_unknown=priority.resend_unknown,
            created_at=now,
            paced=bool(priority.bundle or priority.quiet or priority.limits),
        )
        for unit in people
        for channel in channels
    ]
