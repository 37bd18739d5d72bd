"""Who is responsible: the resolver against a slow oracle, and its judgements one by one."""

from __future__ import annotations

import pytest
from hypothesis import given

from directory.model import Place, Snapshot
from directory.resolve import Query, resolve, step_names, why_not
from policies.model import Target
from tests.unit.directory import oracle
from tests.unit.directory.registries import central_desk, chains, queries, registries, unit

STATION = Target("police", "front_line_2", ("station",), "district")
NEXT_STATION = Target("police", "front_line_2", ("station",), "province")
ANY_STATION = Target("police", "front_line_2", ("station",), "national")
CENTRE = Target("msdhs", "tier_desk", ("central_desk",), "national")


def ask(area="500101", **fields):
    return Query(
        Place.of(area), **{"problem_type": "violence", "open_calendars": {"24x7"}} | fields
    )


def answer(units, query, *targets, fallback=()):
    return resolve(Snapshot.of(7, units), query, targets, fallback)


def ids(candidates):
    return [candidate.unit_id for candidate in candidates]


def passed_over(resolution):
    return {candidate.unit_id: candidate.reason for candidate in resolution.passed_over}


@given(registries(), queries, chains, chains)
def test_it_ranks_as_the_slow_oracle_does(units, query, targets, fallback):
    found = resolve(Snapshot.of(1, units), query, targets, fallback)
    assert ids(found.ranked) == oracle.ranking(units, query, targets, fallback)


@given(registries(), queries, chains, chains)
def test_who_is_excluded_is_never_ranked(units, query, targets, fallback):
    found = resolve(Snapshot.of(1, units), query, targets, fallback)
    for candidate in found.ranked:
        assert candidate.unit_id not in query.excluded
        assert f"agency:{candidate.agency}" not in query.excluded


@given(registries(), queries, chains)
def test_every_reason_given_is_true(units, query, targets):
    snapshot = Snapshot.of(1, units)
    found = resolve(snapshot, query, targets)
    roles = {target.role for target in targets}
    for unit_id, reason in passed_over(found).items():
        if reason not in ("distance", "no_coverage"):
            assert reason in {why_not(snapshot.units[unit_id], role, query) for role in roles}


@given(registries(), queries, chains)
def test_no_unit_is_both_ranked_and_passed_over(units, query, targets):
    found = resolve(Snapshot.of(1, units), query, targets)
    assert not set(ids(found.ranked)) & set(passed_over(found))
    assert len(ids(found.ranked)) == len(set(ids(found.ranked))) <= query.limit


@given(registries(), queries, chains)
def test_the_central_desk_answers_when_nobody_else_does(units, query, targets):
    if "agency:msdhs" in query.excluded:
        return
    found = resolve(Snapshot.of(1, (*units, central_desk())), query, targets, (CENTRE,))
    assert found.chosen is not None


@given(registries(), queries, chains)
def test_the_order_in_which_units_arrive_changes_nothing(units, query, targets):
    one = resolve(Snapshot.of(1, units), query, targets)
    other = resolve(Snapshot.of(1, reversed(units)), query, targets)
    assert one == other


def test_the_unit_of_the_sub_district_goes_before_the_one_of_the_province():
    near = unit("near", "500101", coverage=("50",))
    own = unit("own", "500202", coverage=("500101",), latitude=16.0)
    found = answer([near, own], ask(), NEXT_STATION)
    assert ids(found.ranked) == ["own", "near"]


def test_among_equals_the_nearest_goes_first_and_says_how_far():
    far = unit("a-far", "500101", latitude=15.5)
    near = unit("b-near", "500101", latitude=15.1)
    query = Query(
        Place.of("500101", (15.0, 100.0)), problem_type="violence", open_calendars={"24x7"}
    )
    found = answer([far, near], query, STATION)
    assert ids(found.ranked) == ["b-near", "a-far"]
    assert [round(c.distance_km) for c in found.ranked] == [11, 56]


def test_who_speaks_the_language_goes_before_who_is_nearer():
    near = unit("a", "500101")
    speaks = unit("b", "500101", languages=("tha", "mya"), latitude=15.2)
    assert ids(answer([near, speaks], ask(languages=("mya",)), STATION).ranked) == ["b", "a"]


def test_the_targets_types_are_an_order():
    hospital = unit("hospital", "500101", unit_type="hospital")
    clinic = unit("clinic", "500101", unit_type="clinic", coverage=("500101",))
    target = Target("police", "front_line_2", ("hospital", "clinic"), "district")
    assert ids(answer([clinic, hospital], ask(), target).ranked) == ["hospital", "clinic"]


@pytest.mark.parametrize(
    ("fields", "query", "reason"),
    [
        ({"suspended": True}, {}, "suspended"),
        ({"hours": "th-gov"}, {}, "not_on_duty"),
        ({"problem_types": ("trafficking",)}, {}, "wrong_problem"),
        ({}, {"excluded": {"it"}}, "excluded"),
        ({}, {"excluded": {"agency:police"}}, "excluded"),
        ({}, {"declined": {"it"}}, "declined_before"),
        ({}, {"declined": {"agency:police"}}, "declined_before"),
        ({}, {"taking_part": {"it"}}, "takes_part"),
    ],
)
def test_it_says_why_a_unit_was_passed_over(fields, query, reason):
    found = answer([unit("it", "500101", **fields)], ask(**query), STATION)
    assert found.ranked == ()
    assert passed_over(found) == {"it": reason}


def test_a_unit_of_another_district_does_not_cover_it_and_the_next_step_asks_it():
    other = unit("other", "500201")
    alone = answer([other], ask(), STATION)
    assert passed_over(alone) == {"other": "no_coverage"}
    then = answer([other], ask(), STATION, NEXT_STATION)
    assert ids(then.ranked) == ["other"]
    assert then.passed_over == ()
    assert then.steps == ("district", "next_district")


def test_a_case_that_may_wait_goes_to_the_closed_unit_and_says_so():
    closed = unit("closed", "500101", hours="th-gov")
    found = answer([closed], ask(may_wait=True), STATION)
    assert found.chosen is not None
    assert found.chosen.reason == "chosen_opens_later"


def test_who_had_no_room_in_the_ranking_was_passed_over_for_distance():
    stations = [unit(f"s{n}", "500101", latitude=15 + n / 10) for n in range(4)]
    found = answer(stations, ask(limit=2), STATION)
    assert [c.reason for c in found.ranked] == ["chosen", "eligible"]
    assert set(passed_over(found).values()) == {"distance"}


def test_a_national_target_looks_in_the_nearest_province_first():
    here = unit("here", "500101", roles=())
    near = unit("near", "510101", latitude=15.5)
    far = unit("far", "100101", latitude=13.0)
    found = answer([here, near, far], ask(), ANY_STATION)
    assert ids(found.ranked) == ["near"]


def test_what_has_no_place_goes_to_the_central_desk_by_name():
    found = answer([unit("s", "500101"), central_desk()], ask(""), ANY_STATION, fallback=(CENTRE,))
    assert ids(found.ranked) == ["central"]
    assert found.steps == ("national", "central_desk")
    assert found.ranked[0].distance_km is None


def test_an_unknown_province_goes_to_the_central_desk():
    found = answer([unit("s", "500101"), central_desk()], ask("99"), STATION, fallback=(CENTRE,))
    assert ids(found.ranked) == ["central"]


def test_the_central_desk_cannot_decline_a_case_away():
    found = answer([central_desk()], ask(declined={"central"}), fallback=(CENTRE,))
    assert ids(found.ranked) == ["central"]


def test_the_desks_are_named_and_the_others_say_how_far_they_look():
    desk = Target("msdhs", "tier_desk", ("province_desk",), "province")
    assert step_names([STATION, NEXT_STATION, ANY_STATION]) == [
        "district",
        "next_district",
        "national",
    ]
    assert step_names([NEXT_STATION, desk, CENTRE]) == ["province", "province_desk", "central_desk"]


def test_an_answer_names_the_version_it_was_read_from():
    assert answer([], ask(), STATION).version == 7
