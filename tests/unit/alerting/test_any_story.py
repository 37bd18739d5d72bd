"""Whatever happens to a case, in whatever order: what must hold always."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.alerting.domain import clocks
from services.alerting.domain.alerts import ACKNOWLEDGED, ARMED, OPEN, RESOLVED
from tests.unit.alerting.world import (
    HOURS,
    SHELTER,
    STATION,
    Story,
    assignment_of,
    rules,
)

UNITS = st.sampled_from([STATION, SHELTER])
STATES = st.sampled_from(["accepted", "in_progress", "on_hold", "declined", "completed"])
TIERS = st.sampled_from(["unit", "province", "ministry", "central"])


class AnyStory(RuleBasedStateMachine):
    """One case; facts come, people act or do not, the service sleeps or runs."""

    story: Story

    @initialize(
        urgency=st.sampled_from(["crisis", "urgent", "normal"]),
        ess=st.sampled_from(["", "threat"]),
        excluded=st.sampled_from([(), ("agency:police",), ("province-50",), (SHELTER,)]),
        missing=st.sampled_from([(), ("province-50",), ("ministry-police",), (STATION,)]),
    )
    def a_report_comes_in(
        self, urgency: str, ess: str, excluded: tuple[str, ...], missing: tuple[str, ...]
    ) -> None:
        self.missing = missing
        self.story = Story(
            rules(*missing), urgency=urgency, ess_cause=ess, excluded=frozenset(excluded)
        )

    @rule(unit=UNITS)
    def routing_asks(self, unit: str) -> None:
        if unit not in self.missing and assignment_of(unit) not in self.story.file.holders:
            self.story.asks(unit)

    @rule(unit=UNITS, state=STATES)
    def a_unit_moves(self, unit: str, state: str) -> None:
        known = self.story.file.holders.get(assignment_of(unit))
        if known is not None:
            self.story.asks(unit, state, known.version + 1)

    @rule(minutes=st.integers(1, 60 * 30))
    def time_passes(self, minutes: int) -> None:
        self.story.passes(minutes=minutes)

    @rule(hours=st.integers(1, 24 * 20))
    def the_service_sleeps(self, hours: int) -> None:
        self.story.sleeps(hours=hours)

    @rule(tier=TIERS)
    def somebody_acknowledges(self, tier: str) -> None:
        self.story.acknowledges(tier)

    @rule()
    def no_unit_is_found(self) -> None:
        self.story.signals("unroutable")

    @rule(urgency=st.sampled_from(["crisis", "urgent"]))
    def it_becomes_urgent(self, urgency: str) -> None:
        self.story.tells(urgency=urgency)

    @rule()
    def the_person_is_reached(self) -> None:
        self.story.reached()

    @rule()
    def the_case_is_closed(self) -> None:
        self.story.tells(closed_at=self.story.now)

    @invariant()
    def a_breach_is_a_fact_once(self) -> None:
        assert all(n == 1 for n in Counter(self.story.facts).values())

    @invariant()
    def nobody_out_of_scope_and_nobody_implicated_is_told(self) -> None:
        told = set(self.story.told())
        assert not told & {"province-51", "ministry-labour"}
        excluded = self.story.file.case.excluded
        assert not told & excluded
        if "agency:police" in excluded:
            assert not told & {STATION, "ministry-police"}

    @invariant()
    def before_its_breach_a_clock_alarms_no_tier(self) -> None:
        breached = {clock.step for clock in self.story.file.clocks.values() if clock.breached}
        overdue = {a.cause for a in self.story.file.alerts.values() if a.kind.endswith("overdue")}
        assert overdue <= breached

    @invariant()
    def every_running_clock_is_armed_until_it_is_breached(self) -> None:
        for clock in self.story.file.clocks.values():
            armed = self.story.armed.get(clock.clock_id)
            if clock.stopped_at is not None or clock.breached:
                assert armed is None
            elif clock.running_since is not None:
                assert armed is not None
                assert armed.due_at == clocks.reaches(clock, HOURS, armed.stage)

    @invariant()
    def an_open_alert_has_a_next_step_or_central_behind_it(self) -> None:
        central = {
            a.group
            for a in self.story.unresolved()
            if a.audience.tier == "central" and a.state != ARMED
        }
        for alert in self.story.open():
            waits = alert.alert_id in self.story.armed
            assert waits or alert.kind == "warning" or alert.group in central

    @invariant()
    def what_is_resolved_or_acknowledged_waits_for_nothing_else(self) -> None:
        for alert in self.story.file.alerts.values():
            armed = self.story.armed.get(alert.alert_id)
            if alert.state == RESOLVED:
                assert armed is None
            if alert.state == ACKNOWLEDGED:
                assert armed is not None
                assert armed.purpose == "ack"

    @invariant()
    def a_closed_case_is_quiet(self) -> None:
        if self.story.file.case.closed_at is None:
            return
        assert not [a for a in self.story.unresolved() if a.kind in ("ess", "reach_overdue")]
        running = [c for c in self.story.file.clocks.values() if c.running_since is not None]
        assert {clock.step for clock in running} <= {"accept"}

    @invariant()
    def one_cause_has_one_open_alert_an_audience(self) -> None:
        kept = Counter((a.group, a.audience) for a in self.story.unresolved())
        assert all(n == 1 for n in kept.values())
        assert all(a.opened_at <= self.story.now for a in self.story.open())
        assert {a.state for a in self.story.unresolved()} <= {OPEN, ACKNOWLEDGED, ARMED}


AnyStory.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=timedelta(seconds=5)
)
TestAnyStory = AnyStory.TestCase
