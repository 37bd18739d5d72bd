"""The linter: shipped policies are clean, and each way to go wrong is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from directory.model import Snapshot
from policies.model import Escalation, EscalationPolicy, Tier
from sandbox.national import national_units
from services.alerting import scenarios
from services.alerting.domain.casefile import Rules
from services.alerting.domain.lint import lint
from tests.unit.alerting.world import HOURS, POLICIES, START, rules

DESKS = Snapshot.of(1, [unit for unit in national_units() if unit.tier], digest="desks")
E = POLICIES.escalation


def complaints(escalation: Escalation) -> set[tuple[str, str, str]]:
    changed = Rules(replace(POLICIES, escalation=escalation), HOURS, DESKS)
    return {(c.policy, c.what, c.detail) for c in lint(changed, at=[START])}


def policy(policy_id: str, change: Callable[[EscalationPolicy], EscalationPolicy]) -> Escalation:
    return replace(E, policies={**E.policies, policy_id: change(E.policies[policy_id])})


def test_the_shipped_policies_are_clean_everywhere() -> None:
    assert complaints(E) == set()


def wide() -> Escalation:
    province: Tier = replace(E.tiers["province"], scope="all")
    return replace(E, tiers={**E.tiers, "province": province})


def slow() -> Escalation:
    return policy("overdue", lambda p: replace(
        p, steps=(replace(p.steps[0], tiers=("province", "ministry")), *p.steps[1:-1],
                  replace(p.steps[-1], after=timedelta(hours=3)))))  # fmt: skip


def hurried() -> Escalation:
    return policy("unroutable", lambda p: replace(
        p, steps=(replace(p.steps[0], ack_within=timedelta(hours=1)), *p.steps[1:])
    ))  # fmt: skip


def quiet_emergency() -> Escalation:
    emergency = replace(E.priorities["emergency"], bundle=timedelta(minutes=1))
    return replace(E, priorities={**E.priorities, "emergency": emergency})


@pytest.mark.parametrize(
    ("escalation", "complaint"),
    [
        pytest.param(wide(), ("*", "scope_widened", "province:all"), id="scope"),
        pytest.param(slow(), ("overdue", "central_too_late", "3:00:00"), id="late"),
        pytest.param(
            policy("overdue", lambda p: replace(p, steps=p.steps[:-1])),
            ("overdue", "ends_without_central", ""),
            id="a-deleted-step",
        ),
        pytest.param(hurried(), ("unroutable", "no_time_to_answer", "central:duty"), id="hurried"),
        pytest.param(quiet_emergency(), ("ess", "emergency_waits", "emergency"), id="waits"),
        pytest.param(
            policy("ess", lambda p: replace(p, snooze_at_most=timedelta(hours=1))),
            ("ess", "emergency_put_off", ""),
            id="put-off",
        ),
        pytest.param(
            policy("unroutable", lambda p: replace(p, signals=("unroutable", "threat"))),
            ("unroutable", "unreachable", "threat is ess's"),
            id="unreachable",
        ),
        pytest.param(
            policy("ess", lambda p: replace(p, signals=p.signals[1:])),
            ("*", "nobody_told", "threat"),
            id="untold",
        ),
        pytest.param(
            policy("overdue", lambda p: replace(p, steps_watched=(*p.steps_watched, "plan"))),
            ("overdue", "never_overdue", "plan"),
            id="never",
        ),
    ],
)
def test_each_way_to_go_wrong_is_named(
    escalation: Escalation, complaint: tuple[str, str, str]
) -> None:
    assert complaint in complaints(escalation)


def test_the_simulator_tells_who_hears_what_and_when() -> None:
    lines = scenarios.play(
        {
            "at": "2026-11-23T09:00:00+07:00",
            "case": {"province": "50", "problem_type": "trafficking", "urgency": "normal"},
            "events": [
                {"after": "25h", "acknowledges": "central"},
                {"after": "26h", "reached": True},
            ],
            "until": "80h",
        },
        rules(),
    )
    told = [
        (round((line.at - START).total_seconds() / 3600, 1), line.who)
        for line in lines
        if line.what == "told"
    ]
    assert told == [
        (24.0, "central"), (24.0, "ministry-police"), (24.0, "province-50"),
        (24.5, "ministry-police"), (24.5, "province-50"), (25.0, "central"),
    ]  # fmt: skip
    assert [line.what for line in lines][-3:] == ["resolved"] * 3
