"""What is wrong with escalation policies before they run: paths that end, scopes too wide, steps
that nobody can reach or answer in time, desks with nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from policies.model import EscalationPolicy, Policies
from services.alerting.domain.alerts import chain
from services.alerting.domain.casefile import Rules
from services.alerting.domain.coverage import gaps
from services.alerting.domain.recipients import CENTRAL, MINISTRY, PROVINCE, UNIT

SCOPES = {CENTRAL: "all", MINISTRY: "ministry", PROVINCE: "province", UNIT: "unit"}
"""The widest that each tier may see; it is computed from the case, and nothing may widen it."""
CENTRAL_WITHIN = timedelta(hours=1)
"""A breach that central has not heard of by then is nobody's."""
SIGNALS = ("unroutable",)
"""What is signalled besides the causes of an emergency."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong."""

    policy: str
    what: str
    detail: str = ""


def lint(rules: Rules, *, at: Sequence[datetime]) -> Iterator[Complaint]:
    """Yield every complaint about the policies, over this directory and at these instants."""
    yield from _scopes(rules.policies)
    yield from _matches(rules.policies)
    for policy in rules.policies.escalation.policies.values():
        yield from _path(policy)
        yield from _waits(rules.policies, policy)
    for gap in gaps(rules, at=at):
        yield Complaint(gap.policy, gap.why, f"{gap.tier}:{gap.scope}")


def _scopes(policies: Policies) -> Iterator[Complaint]:
    for tier in policies.escalation.tiers.values():
        if SCOPES.get(tier.code) != tier.scope:
            yield Complaint("*", "scope_widened", f"{tier.code}:{tier.scope}")


def _matches(policies: Policies) -> Iterator[Complaint]:
    known = {*policies.ess_causes, *SIGNALS}
    timed = {frame.step for frame in policies.time_frames}
    heard: dict[str, str] = {}
    for policy in policies.escalation.policies.values():
        for signal in policy.signals:
            if signal not in known:
                yield Complaint(policy.id, "never_signalled", signal)
            if signal in heard:
                yield Complaint(policy.id, "unreachable", f"{signal} is {heard[signal]}'s")
            heard.setdefault(signal, policy.id)
        for step in policy.steps_watched:
            if step not in timed:
                yield Complaint(policy.id, "never_overdue", step)
    for cause in sorted(policies.ess_causes.keys() - heard.keys()):
        yield Complaint("*", "nobody_told", cause)


def _path(policy: EscalationPolicy) -> Iterator[Complaint]:
    last = policy.steps[-1]
    if CENTRAL not in last.tiers or last.repeat is None:
        yield Complaint(policy.id, "ends_without_central")
    central = chain(policy, CENTRAL)
    if not central or central[0].after > CENTRAL_WITHIN:
        yield Complaint(policy.id, "central_too_late", str(central[0].after) if central else "")
    for tier in sorted({tier for step in policy.steps for tier in step.tiers}):
        for step, following in pairwise(chain(policy, tier)):
            if following.after - step.after < step.ack_within:
                yield Complaint(policy.id, "no_time_to_answer", f"{tier}:{step.role}")


def _waits(policies: Policies, policy: EscalationPolicy) -> Iterator[Complaint]:
    priority = policies.escalation.priorities[policy.priority]
    emergency = set(policy.signals) & set(policies.ess_causes)
    if not emergency:
        return
    if priority.bundle or priority.quiet or priority.limits or priority.may_bundle:
        yield Complaint(policy.id, "emergency_waits", priority.code)
    if policy.snooze_at_most:
        yield Complaint(policy.id, "emergency_put_off")
    if not priority.parallel:
        yield Complaint(policy.id, "emergency_one_channel", priority.code)
