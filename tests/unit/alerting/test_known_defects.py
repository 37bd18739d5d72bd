"""What went wrong in other people's alerting, each held here by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from policies.model import Repeat
from policies.rules import frames_for
from services.alerting.domain import clocks, escalation
from services.alerting.domain.casefile import Rules
from services.alerting.domain.clocks import BREACH
from tests.unit.alerting.world import HOURS, POLICIES, START, STATION, Story, rules

BANGKOK = ZoneInfo("Asia/Bangkok")


def overdue() -> Story:
    story = Story(urgency="normal").asks(STATION).asks(STATION, "accepted", 2)
    return story.passes(hours=24)


def with_last_step_within(calendar: str) -> Rules:
    policy = POLICIES.escalation.policies["overdue"]
    last = replace(policy.steps[-1], repeat=Repeat(timedelta(hours=2), "ack", calendar))
    changed = replace(policy, steps=(*policy.steps[:-1], last))
    escalation = replace(
        POLICIES.escalation, policies={**POLICIES.escalation.policies, "overdue": changed}
    )
    return replace(rules(), policies=replace(POLICIES, escalation=escalation))


def test_oncall_1206_an_escalation_is_not_lost_after_a_step_of_certain_hours() -> None:
    """The repeat waits for the office to open, and then goes on until somebody acts."""
    story = Story(with_last_step_within("th-gov"), urgency="normal").asks(STATION)
    story.asks(STATION, "accepted", 2).passes(hours=24).passes(days=6)
    central = [at.astimezone(BANGKOK) for at, n in story.notices if n.recipient_id == "central"]
    later = central[2:]
    assert len(later) > 15
    assert all(HOURS["th-gov"].is_open(at) for at in later)
    assert {at.date().isoformat() for at in later} >= {"2026-11-24", "2026-11-25", "2026-11-27"}
    assert story.armed  # and there is a next one still


def test_oncall_3111_an_acknowledged_alert_does_not_escalate_when_its_case_is_over() -> None:
    story = overdue()
    for tier in ("province", "ministry", "central"):
        story.acknowledges(tier)
    story.reached()
    told = len(story.told())
    assert len(story.passes(days=365).told("reach_overdue")) <= told
    assert not [a for a in story.unresolved() if a.kind == "reach_overdue"]


def test_oncall_4760_an_acknowledgement_takes_back_what_was_queued() -> None:
    story = overdue()
    alert = story.open("central")[0]
    file = escalation.acknowledge(story.file, alert, by="officer", note="", now=story.now)
    assert file.silenced == {alert.alert_id}


def test_goalert_4548_a_step_with_nobody_on_call_does_not_wait_out_its_delay() -> None:
    story = Story(rules("province-50", "ministry-police"), urgency="normal")
    story.asks(STATION).asks(STATION, "accepted", 2).passes(hours=24)
    assert story.told("reach_overdue") == ["central"]
    assert story.now == START + timedelta(hours=24)
    assert all(a.alert_id not in story.armed for a in story.open("province"))


def test_goalert_4548_a_closed_office_is_told_and_the_next_at_the_same_instant() -> None:
    closed = rules(province_50={"hours": "th-gov", "parent": "TH-MSDHS-5001-001"})
    # Reported at 18:00, so overdue at 18:00 of the next day.
    late = Story(closed, urgency="normal", reported_at=START + timedelta(hours=9))
    late.asks(STATION).asks(STATION, "accepted", 2).passes(hours=33)
    told = [n.recipient_id for at, n in late.notices if at == START + timedelta(hours=33)]
    assert {"province-50", "TH-MSDHS-5001-001", "central", "ministry-police"} <= set(told)


def test_glpi_15605_a_clock_that_was_paused_is_due_later_by_the_pause_alone() -> None:
    (frame,) = (
        f
        for f in frames_for(POLICIES, problem_type="trafficking", urgency="normal", ess=False)
        if f.step == "reach"
    )
    nil = UUID(int=0)
    clock, _ = clocks.start(nil, nil, frame, calendar="24x7", at=START, reason="")
    at = START
    for _ in range(3):
        at += timedelta(hours=2)
        clock, _ = clocks.pause(clock, HOURS, at=at, reason="")
        at += timedelta(hours=5, seconds=17)
        clock, _ = clocks.resume(clock, at=at, reason="")
    due = START + timedelta(hours=24) + 3 * timedelta(hours=5, seconds=17)
    assert clocks.reaches(clock, HOURS, BREACH) == due


def test_zammad_5177_a_pause_is_not_cut_to_whole_minutes() -> None:
    nil, frame = UUID(int=0), POLICIES.time_frames[0]
    clock, _ = clocks.start(nil, nil, frame, calendar="th-gov", at=_local("09:00:00"), reason="")
    for second in range(1, 31):
        at = _local(f"10:00:{second:02}")
        clock, _ = clocks.pause(clock, HOURS, at=at, reason="")
        clock, _ = clocks.resume(clock, at=at + timedelta(milliseconds=900), reason="")
    clock, _ = clocks.stop(clock, HOURS, at=_local("11:00:00"), reason="")
    assert clock.used == timedelta(hours=2) - 30 * timedelta(milliseconds=900)


def _local(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{text}").replace(tzinfo=BANGKOK)


def test_glpi_6902_another_time_frame_keeps_what_was_used() -> None:
    story = Story(urgency="normal").asks(STATION).asks(STATION, "accepted", 2)
    story.passes(minutes=20).tells(urgency="crisis")
    story.passes(minutes=41)
    assert ("first_contact", START + timedelta(hours=1)) in story.breaches


def test_a_case_of_30_days_is_over_in_an_instant_of_the_virtual_clock() -> None:
    story = Story(urgency="crisis").asks(STATION).asks(STATION, "accepted", 2)
    story.passes(days=30)
    assert dict(story.breaches) == {
        "first_contact": START + timedelta(hours=1),
        "reach": START + timedelta(hours=24),
        "closure": START + timedelta(days=30),
    }
    central = [at for at, n in story.notices if n.recipient_id == "central"]
    assert len(central) > 350  # told every two hours, for nobody acted
    assert max(later - earlier for earlier, later in pairwise(central)) <= timedelta(hours=2)
    story.reached().tells(closed_at=story.now)
    assert not [a for a in story.unresolved() if a.kind != "accept_overdue"]
