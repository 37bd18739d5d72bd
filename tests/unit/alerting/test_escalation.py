"""Three tiers told at once at the breach, each in its scope, until a person acts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.alerting.domain import happenings
from services.alerting.domain.alerts import ACKNOWLEDGED, from_record, to_record
from tests.unit.alerting.world import (
    POLICIES,
    SHELTER,
    START,
    STATION,
    Story,
    rules,
)


def accepted() -> Story:
    """Return a case that the station has accepted and nobody has reached."""
    return Story(urgency="normal").asks(STATION).asks(STATION, "accepted", 2)


def test_nobody_is_told_while_all_is_in_time() -> None:
    assert accepted().passes(hours=11.9).told() == []


def test_before_the_breach_only_the_unit_that_holds_the_work_is_warned() -> None:
    story = accepted().passes(hours=23.9)
    assert story.told() == [STATION, STATION]
    assert {alert.kind for alert in story.open()} == {"warning"}


def test_at_24_hours_all_three_tiers_are_told_at_once_each_in_its_scope() -> None:
    story = accepted().passes(hours=24)
    assert sorted(story.told("reach_overdue")) == ["central", "ministry-police", "province-50"]
    assert story.breaches == [("reach", START + timedelta(hours=24))]


def test_the_first_report_starts_the_24_hours_not_the_acceptance() -> None:
    story = Story(urgency="normal").passes(hours=20).asks(STATION).asks(STATION, "accepted", 2)
    assert story.passes(hours=4).breaches == [("reach", START + timedelta(hours=24))]


def test_a_person_reached_in_time_alarms_nobody() -> None:
    story = accepted().passes(hours=23).reached().passes(hours=48)
    assert story.breaches == []
    assert story.unresolved() == []


def test_warnings_end_with_the_breach() -> None:
    assert {alert.kind for alert in accepted().passes(hours=24).open()} == {"reach_overdue"}


def test_each_tier_climbs_its_own_chain_until_somebody_acknowledges() -> None:
    story = accepted().passes(hours=24).acknowledges("province").acknowledges("ministry")
    later = START + timedelta(hours=24, seconds=1)
    story.passes(hours=3.9)
    assert story.told("reach_overdue", later) == ["central", "central"]  # at 1 h and 3 h
    assert story.file.alerts[story.open()[0].alert_id].audience.tier == "central"


def test_central_is_told_again_and_again_until_a_person_acts() -> None:
    story = accepted().passes(hours=24)
    before = len(story.told())
    story.passes(hours=9)
    assert story.told()[before:].count("central") >= 5
    story.acknowledges("central").acknowledges("province").acknowledges("ministry")
    count = len(story.told())
    assert len(story.passes(hours=3.9).told()) == count


def test_an_acknowledgement_that_changes_nothing_runs_out() -> None:
    story = accepted().passes(hours=24)
    for tier in ("province", "ministry", "central"):
        story.acknowledges(tier)
    count = len(story.told())
    story.passes(hours=4)
    assert sorted(story.told()[count:]) == ["central", "ministry-police", "province-50"]


def test_an_acknowledged_alert_whose_case_moved_on_never_comes_back() -> None:
    story = accepted().passes(hours=24)
    for tier in ("province", "ministry", "central"):
        story.acknowledges(tier)
    count = len(story.told("reach_overdue"))
    assert len(story.reached().passes(days=29).told("reach_overdue")) == count


def test_acknowledging_twice_is_the_same_as_once() -> None:
    story = accepted().passes(hours=24).acknowledges("province").passes(minutes=5)
    first = [a.acknowledged_at for a in story.file.alerts.values() if a.state == ACKNOWLEDGED]
    story.acknowledges("province")
    again = [a.acknowledged_at for a in story.file.alerts.values() if a.state == ACKNOWLEDGED]
    assert again == first


def test_a_desk_that_does_not_exist_goes_up_at_once() -> None:
    story = Story(rules("province-50"), urgency="normal").asks(STATION).asks(STATION, "accepted", 2)
    story.passes(hours=24)
    # Central has an alert of its own: the province's is left to it, at the same instant.
    assert sorted(story.told("reach_overdue")) == ["central", "ministry-police"]
    left = next(a for a in story.open("province"))
    assert left.alert_id not in story.armed


def test_a_desk_without_an_address_goes_to_the_next_up_its_chain_at_once() -> None:
    story = (
        Story(rules(province_50={"email": "", "parent": SHELTER}), urgency="normal")
        .asks(STATION)
        .asks(STATION, "accepted", 2)
    )
    assert SHELTER in story.passes(hours=24).told("reach_overdue")


def test_the_head_of_a_desk_is_never_out_of_its_scope() -> None:
    """A province desk's chain may lead to a ministry that has no work in the case."""
    story = (
        Story(
            rules(province_50={"parent": "ministry-labour"}, ministry_police={"parent": "central"}),
            urgency="normal",
        )
        .asks(STATION)
        .asks(STATION, "accepted", 2)
    )
    told = story.passes(hours=30).told("reach_overdue")
    assert "ministry-labour" not in told
    assert told.count("province-50") == 2  # so the desk is its own head
    assert "province-51" not in told


@pytest.mark.parametrize(
    ("excluded", "unheard"),
    [
        ({"agency:police"}, {STATION, "ministry-police"}),
        ({STATION}, {STATION}),
        ({"province-50"}, {"province-50"}),
        ({"agency:msdhs"}, {"province-50", "central", "ministry-msdhs"}),
    ],
)
def test_nobody_in_conflict_of_interest_is_ever_told(excluded: set[str], unheard: set[str]) -> None:
    story = Story(urgency="crisis", ess_cause="threat", excluded=frozenset(excluded))
    story.asks(STATION).asks(SHELTER).signals("unroutable").passes(hours=30)
    assert unheard.isdisjoint(story.told())


def test_a_conflict_that_is_learnt_late_silences_what_comes_after() -> None:
    story = accepted().passes(hours=24).tells(excluded=frozenset({"province-50"}))
    count = len(story.told())
    assert story.open("province") == []  # nor may its console see it any more
    assert "province-50" not in story.passes(hours=5).told()[count:]


def test_an_emergency_is_told_at_once_without_any_timer() -> None:
    story = Story(urgency="crisis", ess_cause="threat")
    assert sorted(story.told("ess")) == ["central", "province-50"]
    story.asks(STATION).asks(SHELTER)
    assert sorted(story.told("ess")) == sorted(["central", "province-50", SHELTER, STATION])


def test_the_ministries_hear_of_an_emergency_only_when_nobody_answered() -> None:
    story = Story(urgency="crisis", ess_cause="threat").asks(STATION).asks(SHELTER)
    quiet = Story(urgency="crisis", ess_cause="threat").asks(STATION).asks(SHELTER)
    quiet.acknowledges("central")
    assert {"ministry-police", "ministry-msdhs"} <= set(story.passes(minutes=5).told("ess"))
    assert not {"ministry-police", "ministry-msdhs"} & set(quiet.passes(minutes=29).told("ess"))


def test_an_emergency_repeats_to_central_until_a_person_acts() -> None:
    story = Story(urgency="crisis", ess_cause="threat").passes(minutes=61)
    assert story.told("ess").count("central") >= 1 + 10


def test_reaching_the_person_ends_the_emergency() -> None:
    story = Story(urgency="crisis", ess_cause="threat").asks(STATION).passes(minutes=2).reached()
    assert [a for a in story.unresolved() if a.kind == "ess"] == []


def test_a_report_without_a_unit_tells_the_central_desk_alone() -> None:
    story = Story(urgency="normal", province="").signals("unroutable")
    assert story.told() == ["central"]


def test_work_that_nobody_holds_is_its_host_ministrys() -> None:
    story = Story(urgency="normal").passes(hours=24)
    assert "ministry-police" in story.told("reach_overdue")


def test_two_units_that_do_not_answer_make_one_alert_a_tier() -> None:
    story = Story(urgency="crisis").asks(STATION).asks(SHELTER).passes(minutes=5)
    assert sorted(story.told("accept_overdue")) == [
        "central",
        "ministry-msdhs",
        "ministry-police",
        "province-50",
    ]


def test_an_alert_stays_while_one_of_two_late_units_still_has_not_answered() -> None:
    story = Story(urgency="crisis").asks(STATION).asks(SHELTER).passes(minutes=6)
    story.asks(STATION, "accepted", 2)
    late = {a.audience.ministry or a.audience.tier for a in story.open()}
    assert late == {"central", "province", "msdhs"}
    assert story.asks(SHELTER, "declined", 2).open() == []


def test_a_closed_office_is_not_asked_to_answer_at_night() -> None:
    story = Story(rules(TH_MSDHS_5001_001={"hours": "th-gov"}), urgency="normal")
    story.passes(hours=6.5)  # 15:30: one hour of the office's four is left today
    story.asks(SHELTER).passes(hours=17)
    assert story.told("accept_overdue") == []
    assert "central" in story.passes(hours=3).told("accept_overdue")


def test_the_most_urgent_word_counts_whenever_it_comes() -> None:
    story = Story(urgency="normal").passes(minutes=30).tells(urgency="crisis")
    assert story.passes(minutes=31).breaches == [("first_contact", START + timedelta(hours=1))]


def test_after_an_outage_every_breach_has_its_true_time_and_nobody_is_stormed() -> None:
    story = accepted().sleeps(hours=31)
    assert story.breaches == [("reach", START + timedelta(hours=24))]
    assert sorted(story.told()) == ["central", "ministry-police", "province-50"]
    assert {a.breached_at for a in story.open()} == {START + timedelta(hours=24)}


def test_an_alert_keeps_the_policy_it_started_with() -> None:
    for policy in POLICIES.escalation.policies.values():
        kept = from_record(to_record(policy))
        assert (kept.steps, kept.priority, kept.ack_timeout, kept.id) == (
            policy.steps,
            policy.priority,
            policy.ack_timeout,
            policy.id,
        )


def test_no_open_alert_is_without_a_next_step_or_central_behind_it() -> None:
    story = Story(urgency="crisis", ess_cause="threat").asks(STATION).signals("unroutable")
    for _ in range(40):
        story.passes(minutes=47)
        centrals = {a.group for a in story.open("central")}
        for alert in story.open():
            if alert.kind != "warning":
                assert alert.alert_id in story.armed or alert.group in centrals


def test_a_deadline_of_an_older_generation_does_nothing() -> None:
    story = accepted()
    stale = next(d for d in story.armed.values() if story.file.clocks[d.owner].step == "reach")
    story.reached()
    assert happenings.fired(story.file, story.rules, stale, now=stale.due_at) is story.file
    late = accepted().passes(hours=24)
    next_step = late.armed[late.open("central")[0].alert_id]
    late.passes(hours=1)
    assert happenings.fired(late.file, late.rules, next_step, now=late.now) is late.file


def test_a_clock_that_was_held_to_another_time_frame_ignores_its_old_deadline() -> None:
    story = Story(urgency="normal")
    stale = next(d for d in story.armed.values() if story.file.clocks[d.owner].step == "closure")
    story.tells(urgency="crisis")
    assert happenings.fired(story.file, story.rules, stale, now=stale.due_at) is story.file
