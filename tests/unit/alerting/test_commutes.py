"""Events come late, twice and out of order; clocks and holders end the same all the same."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.alerting.domain import happenings
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import CaseFile
from tests.unit.alerting.world import CASE, SHELTER, START, STATION, assignment_of, case, rules

RULES = rules()
NOW = START + timedelta(minutes=40)


def holder(unit_id: str, state: str, version: int) -> Holder:
    unit = RULES.snapshot.units[unit_id]
    return Holder(
        assignment_of(unit_id), CASE, unit_id, unit.agency, unit.ministry, "lead", state, version,
        START,
    )  # fmt: skip


EVENTS: list[Case | Holder] = [
    case(urgency="normal"),
    case(urgency="urgent"),
    case(urgency="normal", reached_at=START + timedelta(minutes=30)),
    case(urgency="normal", reached_at=START + timedelta(minutes=35)),
    case(urgency="normal", excluded=frozenset({"agency:labour"})),
    holder(STATION, "requested", 1),
    holder(STATION, "accepted", 2),
    holder(STATION, "in_progress", 3),
    holder(SHELTER, "requested", 1),
    holder(SHELTER, "declined", 2),
]


def take(events: list[Case | Holder]) -> CaseFile:
    file = CaseFile(case(urgency="normal"))
    for event in events:
        if isinstance(event, Case):
            file = happenings.seen(file, event, RULES, now=NOW)
        else:
            at = START + timedelta(minutes=10 * event.version)
            file = happenings.assigned(file, event, RULES, at=at, now=NOW)
    return file


WHOLE = take(EVENTS)


@given(st.permutations(EVENTS), st.lists(st.sampled_from(EVENTS), max_size=4))
def test_any_order_with_any_repetition_ends_the_same(
    order: list[Case | Holder], again: list[Case | Holder]
) -> None:
    file = take([*order, *again])
    assert file.case == WHOLE.case
    assert file.holders == WHOLE.holders
    running = {clock.step for clock in file.clocks.values() if clock.stopped_at is None}
    assert running == {"closure"}
    reach = next(c for c in file.clocks.values() if c.step == "reach")
    assert reach.stopped_at is not None
    assert reach.stopped_at <= START + timedelta(minutes=35)
    assert {alert.state for alert in file.alerts.values()} <= {"resolved"}


def test_a_late_older_word_about_an_assignment_changes_nothing() -> None:
    file = take([holder(STATION, "accepted", 2)])
    assert take([holder(STATION, "accepted", 2), holder(STATION, "requested", 1)]) == file
