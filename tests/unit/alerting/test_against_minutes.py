"""Clocks and escalation against an oracle that knows no arithmetic: it walks every minute.

`SONGTOR_STORY_STEPS` says how many steps are taken in all; 100,000 is the full run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from directory.model import Snapshot
from policies.calendar import OpenHours, lay_out
from policies.model import Override, Policies, Text, TimeFrame
from services.alerting.calendars import versions
from services.alerting.domain import escalation, happenings
from services.alerting.domain.alerts import OPEN, RESOLVED, Alert
from services.alerting.domain.casefile import Rules
from tests.unit.alerting.world import COUNTRY, HOURS, POLICIES, START, STATION, Story

STEPS = int(os.environ.get("SONGTOR_STORY_STEPS", "3000"))
A_STORY = 40
MINUTE = timedelta(minutes=1)
GOV = POLICIES.calendars["th-gov"]
OFF = Override(date(2026, 11, 25), (), Text("วันหยุด", "Holiday"), "cabinet")
WORK = 4 * 60
URGENT_WORK = 90
REACH = 24 * 60


def _frame(frame_id: str, urgency: str, minutes: int) -> TimeFrame:
    """Work that is done in office hours, and stands still on hold."""
    accept = next(frame for frame in POLICIES.time_frames if frame.id == "accept_normal")
    return replace(
        accept, id=frame_id, step="accept", urgencies=(urgency,), budget=minutes * MINUTE,
        calendar="th-gov", starts_on=("assignment.accepted",), stops_on=("assignment.ended",),
        pauses_on=("assignment.on_hold",),
    )  # fmt: skip


def _policies() -> Policies:
    reach = next(frame for frame in POLICIES.time_frames if frame.id == "reach")
    work, urgent = _frame("work", "normal", WORK), _frame("work_urgent", "urgent", URGENT_WORK)
    frames = (reach, work, urgent)
    overdue = replace(POLICIES.escalation.policies["overdue"], warn=None)
    changed = {**POLICIES.escalation.policies, "overdue": overdue}
    return replace(
        POLICIES, time_frames=frames, escalation=replace(POLICIES.escalation, policies=changed)
    )


SNAPSHOT = Snapshot.of(1, COUNTRY, digest="test")
BEFORE, BEFORE_KEYS = versions(HOURS)
LATER = lay_out(replace(GOV, overrides={**GOV.overrides, OFF.on: OFF}))
AFTER, AFTER_KEYS = versions({**HOURS, "th-gov": LATER})
RULES = Rules(_policies(), BEFORE, SNAPSHOT, BEFORE_KEYS)
RULES_AFTER = Rules(_policies(), {**BEFORE, **AFTER}, SNAPSHOT, AFTER_KEYS)


@dataclass
class Obligation:
    budget: int
    hours: OpenHours | None
    used: int = 0
    running: bool = True
    stopped: bool = False
    breached: bool = False


@dataclass
class Told:
    """One alert of the oracle: what it waits for, and until when."""

    tier: str
    state: str = "open"
    place: int = 0
    next_at: int | None = None


DESKS = {"central": "central", "ministry": "ministry-police", "province": "province-50"}
WAITS = {"central": (60, 120), "ministry": (30, 60), "province": (30, 60)}
"""From the first step to the second, and after the second: central repeats, the others give up."""


class Oracle:
    """Knows the rules as a person would tell them, and goes through the minutes one by one."""

    def __init__(self) -> None:
        self.minute = 0
        self.clocks = {"reach": Obligation(REACH, None)}
        self.alerts: dict[tuple[str, str], Told] = {}
        self.breaches: list[tuple[str, int]] = []
        self.sent: list[tuple[int, str]] = []

    def walk(self, minutes: int) -> None:
        for _ in range(minutes):
            at = START + self.minute * MINUTE
            for clock in self.clocks.values():
                is_open = clock.hours is None or clock.hours.is_open(at)
                clock.used += clock.running and is_open
            self.minute += 1
            self.settle()

    def settle(self) -> None:
        """Do what this minute brings."""
        for step, clock in self.clocks.items():
            if clock.running and not clock.breached and clock.used >= clock.budget:
                clock.breached = True
                self.breaches.append((step, self.minute))
                for tier in DESKS:
                    self.alerts[step, tier] = Told(tier)
                    self.tell(step, tier, 0)
        for (step, tier), alert in self.alerts.items():
            if alert.next_at is None or alert.next_at > self.minute or alert.state == "ended":
                continue
            if alert.state == "in hand":
                alert.state = "open"
                self.tell(step, tier, alert.place)
            elif alert.place == 0 or tier == "central":
                self.tell(step, tier, 1)
            else:
                self.give_up(step, tier)

    def tell(self, step: str, tier: str, place: int) -> None:
        alert = self.alerts[step, tier]
        alert.place = place
        alert.next_at = self.minute + WAITS[tier][place]
        self.sent.append((self.minute, DESKS[tier]))

    def give_up(self, step: str, tier: str) -> None:
        self.alerts[step, tier].next_at = None
        if self.alerts[step, "central"].state == "ended":
            self.sent.append((self.minute, "central"))

    def refuse(self, step: str, tier: str) -> None:
        alert = self.alerts[step, tier]
        alert.state = "open"
        if alert.place == 0:
            self.tell(step, tier, 1)
        elif tier == "central":
            alert.next_at = self.minute + WAITS[tier][1]
        else:
            self.give_up(step, tier)

    def take_in_hand(self, step: str, tier: str, minutes: int) -> None:
        alert = self.alerts[step, tier]
        alert.state, alert.next_at = "in hand", self.minute + minutes

    def end(self, step: str, tier: str) -> None:
        self.alerts[step, tier].state = "ended"

    def stop(self, step: str) -> None:
        clock = self.clocks[step]
        clock.running, clock.stopped = False, True
        for key in self.alerts:
            if key[0] == step:
                self.end(*key)


CAUSES = st.sampled_from(["reach", "accept"])
TIERS = st.sampled_from(sorted(DESKS))


class AgainstMinutes(RuleBasedStateMachine):
    """The same story told to the real decisions and to the oracle."""

    @initialize(hour=st.integers(0, 12))
    def a_report_comes_in(self, hour: int) -> None:
        self.story = Story(RULES, urgency="normal")
        self.story.asks(STATION)
        self.oracle = Oracle()
        self.state = "requested"
        self.version = 1
        self.hours = HOURS["th-gov"]
        self.urgent = False
        self.the_unit_moves("accepted")
        self.time_passes(hour * 30)

    def _now_settled(self) -> None:
        self.story.passes(minutes=0)
        self.oracle.settle()

    @rule(minutes=st.integers(1, 400))
    def time_passes(self, minutes: int) -> None:
        self.story.passes(minutes=minutes)
        self.oracle.walk(minutes)

    @rule(minutes=st.sampled_from([1, 29, 30, 31, 59, 60, 61, 120]))
    def a_while_passes(self, minutes: int) -> None:
        self.time_passes(minutes)

    @rule(hours=st.integers(4, 20))
    def hours_pass(self, hours: int) -> None:
        self.time_passes(hours * 60)

    @precondition(lambda self: self.oracle.minute > 3000)
    @rule()
    def the_unit_is_done(self) -> None:
        self.the_unit_moves("completed")

    @rule(state=st.sampled_from(["on_hold", "in_progress"]))
    def the_unit_moves(self, state: str) -> None:
        allowed = {
            "requested": {"accepted"},
            "accepted": {"on_hold", "in_progress", "completed"},
            "on_hold": {"in_progress", "completed"},
            "in_progress": {"on_hold", "completed"},
            "completed": set(),
        }
        if state not in allowed[self.state]:
            return
        self.state = state
        self.version += 1
        self.story.asks(STATION, state, self.version)
        if state == "accepted":
            budget = URGENT_WORK if self.urgent else WORK
            self.oracle.clocks["accept"] = Obligation(budget, self.hours)
        elif state == "completed":
            self.oracle.stop("accept")
        else:
            self.oracle.clocks["accept"].running = state != "on_hold"
        self._now_settled()

    @rule()
    def it_becomes_urgent(self) -> None:
        self.urgent = True
        self.story.tells(urgency="urgent")
        clock = self.oracle.clocks.get("accept")
        if clock is not None and not clock.breached:
            clock.budget = URGENT_WORK
        self._now_settled()

    @rule()
    def the_cabinet_declares_a_holiday(self) -> None:
        self.hours = LATER
        self.story.rules = RULES_AFTER
        for clock in list(self.story.file.clocks.values()):
            code = clock.calendar.partition("@")[0]
            self.story._take(
                happenings.recalendared(
                    self.story.file,
                    clock,
                    RULES_AFTER,
                    calendar=RULES_AFTER.calendar(code),
                    now=self.story.now,
                )
            )
        for known in self.oracle.clocks.values():
            known.hours = known.hours and LATER
        self._now_settled()

    @precondition(lambda self: self.oracle.minute > 3000)
    @rule()
    def the_person_is_reached(self) -> None:
        self.story.reached()
        self.oracle.stop("reach")
        self._now_settled()

    def _alert(self, step: str, tier: str) -> Alert | None:
        return next(
            (
                alert
                for alert in self.story.file.alerts.values()
                if (alert.cause, alert.audience.tier) == (step, tier) and alert.state != RESOLVED
            ),
            None,
        )

    @rule(step=CAUSES, tier=TIERS)
    def somebody_acknowledges(self, step: str, tier: str) -> None:
        alert = self._alert(step, tier)
        if alert is not None and alert.state == OPEN:
            self.story._take(
                escalation.acknowledge(
                    self.story.file, alert, by="officer", note="", now=self.story.now
                )
            )
            self.oracle.take_in_hand(step, tier, 240)

    @rule(step=CAUSES, tier=TIERS, minutes=st.integers(1, 24 * 60))
    def somebody_snoozes(self, step: str, tier: str, minutes: int) -> None:
        alert = self._alert(step, tier)
        if alert is not None:
            until = self.story.now + minutes * MINUTE
            self.story._take(
                escalation.snooze(
                    self.story.file,
                    alert,
                    by="officer",
                    reason="busy",
                    until=until,
                    now=self.story.now,
                )
            )
            self.oracle.take_in_hand(step, tier, minutes)

    @rule(step=CAUSES, tier=TIERS)
    def somebody_cannot(self, step: str, tier: str) -> None:
        alert = self._alert(step, tier)
        if alert is not None:
            self.story._take(
                escalation.refuse(
                    self.story.file,
                    self.story.rules,
                    alert,
                    by="officer",
                    reason="ill",
                    now=self.story.now,
                )
            )
            self.oracle.refuse(step, tier)

    @rule(step=CAUSES, tier=TIERS)
    def somebody_ends_it(self, step: str, tier: str) -> None:
        alert = self._alert(step, tier)
        if alert is not None:
            self.story._take(
                escalation.resolve(
                    self.story.file, alert, "by_telephone", by="officer", now=self.story.now
                )
            )
            self.oracle.end(step, tier)

    @invariant()
    def both_know_the_same_breaches(self) -> None:
        walked = [(step, START + minute * MINUTE) for step, minute in self.oracle.breaches]
        assert sorted(self.story.breaches) == sorted(walked)

    @invariant()
    def both_told_the_same_desks_at_the_same_minutes(self) -> None:
        told: list[tuple[datetime, str]] = [
            (at, notice.recipient_id) for at, notice in self.story.notices
        ]
        assert sorted(told) == sorted(
            (START + minute * MINUTE, desk) for minute, desk in self.oracle.sent
        )


AgainstMinutes.TestCase.settings = settings(
    max_examples=max(1, STEPS // A_STORY),
    stateful_step_count=A_STORY,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAgainstMinutes = AgainstMinutes.TestCase
