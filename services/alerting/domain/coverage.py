"""Who would not be there: found before an alert needs them, in every province and ministry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from policies.model import EscalationPolicy
from services.alerting.domain.alerts import chain
from services.alerting.domain.case import Case
from services.alerting.domain.casefile import Rules
from services.alerting.domain.recipients import (
    CENTRAL,
    MINISTRY,
    PROVINCE,
    UNIT,
    Audience,
    desk_of,
    recipients,
)
from services.alerting.domain.telling import on_duty

PROVINCES = tuple(
    f"{code}"
    for first, last in ((10, 27), (30, 49), (50, 58), (60, 67), (70, 77), (80, 86), (90, 96))
    for code in range(first, last + 1)
)
"""The 77 provinces by DOPA code."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One desk that a policy counts on and that would hear nothing, or have nobody to answer."""

    policy: str
    tier: str
    scope: str
    """A province or a ministry; empty for central."""
    why: str
    """`no_desk`, `suspended`, `no_address`, or `nobody_on_duty`."""


def gaps(rules: Rules, *, at: Sequence[datetime]) -> Iterator[Gap]:
    """Yield every gap in the chains of every policy, at any of these instants."""
    for policy in rules.policies.escalation.policies.values():
        named = {tier for step in policy.steps for tier in step.tiers}
        for tier in sorted(named - {UNIT}):
            for scope in _scopes(rules, tier):
                why = _why(rules, policy, tier, scope, at)
                if why:
                    yield Gap(policy.id, tier, scope, why)


def _scopes(rules: Rules, tier: str) -> Sequence[str]:
    if tier == PROVINCE:
        return PROVINCES
    if tier == MINISTRY:
        return sorted({agency.ministry for agency in rules.policies.agencies.values()})
    return ("",)


def _why(
    rules: Rules, policy: EscalationPolicy, tier: str, scope: str, at: Sequence[datetime]
) -> str:
    case = _anywhere(scope if tier == PROVINCE else "", at[0])
    audience = Audience(tier, scope if tier == MINISTRY else "")
    desk = desk_of(rules.snapshot, case, audience)
    if desk is None:
        return "no_desk"
    told = [
        unit
        for step in chain(policy, tier)
        for unit in recipients(rules.snapshot, case, audience, step.role)
    ]
    if not told:
        return "suspended" if desk.suspended else "no_address"
    # Central is behind the others at every hour; behind central there is nobody.
    if tier == CENTRAL and not all(on_duty(rules, told, now=now) for now in at):
        return "nobody_on_duty"
    return ""


def _anywhere(province: str, at: datetime) -> Case:
    return Case(
        case_id=UUID(int=0),
        reference="",
        province=province,
        problem_types=(),
        ess_cause="",
        urgency="normal",
        silent=False,
        excluded=frozenset(),
        reported_at=at,
    )
