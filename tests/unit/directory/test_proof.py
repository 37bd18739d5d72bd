"""The coverage proof passes on the shipped country and fails on every planted defect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.decide import Decider
from directory.model import Snapshot, Unit
from directory.places.names import districts
from directory.proof import report
from directory.proof.findings import DISPROVED
from directory.proof.proving import Proof, difference, prove
from policies.reader import load
from sandbox.national import national_units

AT = datetime(2026, 3, 2, tzinfo=UTC)
DECIDER = Decider(load())
HERE = ("10", "20", "50", "58")
COUNTRY = {code: inside for code, inside in districts().items() if code[:2] in HERE}
UNITS = tuple(u for u in national_units() if u.province in HERE or len(u.coverage) > 1)


def proof_of(units: Iterable[Unit], decider: Decider = DECIDER) -> Proof:
    return prove(Snapshot.of(1, units), decider, COUNTRY, AT)


def test_the_shipped_country_is_proved_and_the_resolver_agrees() -> None:
    proof = prove(Snapshot.of(1, national_units()), DECIDER, districts(), AT)
    assert proof.findings == ()
    assert proof.subdistricts == 7_436
    assert proof.answered > 7_436 * 200
    assert proof.asked_again > 80_000
    assert {c.name for c in proof.classes} == {"office", "evening", "night", "weekend", "holiday"}


def test_a_part_of_the_country_is_proved_by_itself() -> None:
    assert proof_of(UNITS).holds


def change(fits: Callable[[Unit], bool], **fields: object) -> Callable[[Unit], Unit | None]:
    """Return a defect: units that fit are changed, or left out when nothing is given."""

    def apply(unit: Unit) -> Unit | None:
        if not fits(unit):
            return unit
        return replace(unit, **fields) if fields else None  # type: ignore[arg-type]

    return apply


def of(unit_type: str, province: str = "50") -> Callable[[Unit], bool]:
    return lambda u: u.unit_type == unit_type and u.province == province


DEFECTS = {
    "a province without its office": (change(of("provincial_office")), "missing_unit"),
    "a province whose shelter closes at night": (
        change(of("family_shelter"), hours="th-gov"),
        "unnamed_fallback",
    ),
    "a province whose shelter is suspended": (
        change(of("family_shelter"), suspended=True),
        "unnamed_fallback",
    ),
    "a province without its desk": (change(of("province_desk")), "unnamed_fallback"),
    "a district that no station answers for": (
        change(lambda u: u.coverage == ("5007",) and u.agency == "police", coverage=("5001",)),
        "missing_unit",
    ),
    "a province that no labour office answers for": (
        change(lambda u: u.agency == "labour" and "58" in u.coverage, coverage=("57",)),
        "missing_unit",
    ),
    "hospitals that no longer see the pregnant": (
        change(of("hospital"), problem_types=("violence",)),
        "unnamed_fallback",
    ),
    "Bangkok without its mobile unit": (change(of("mobile_unit", "10")), "missing_unit"),
    "a country without the central desk": (
        change(lambda u: u.tier == "central" or u.unit_type == "province_desk"),
        "gap",
    ),
    "stations that do not respond": (
        change(of("police_station"), roles=("front_line_1", "front_line_2")),
        "unnamed_fallback",
    ),
    "an office that answers for its neighbour, too": (
        change(of("provincial_office", "58"), coverage=("50", "58")),
        "overlap",
    ),
    "a district whose hospital moved away": (
        change(lambda u: u.unit_type == "hospital" and "5007" in u.coverage, coverage=("5001",)),
        "missing_unit",
    ),
    "a hospital that took over its neighbour's district": (
        change(
            lambda u: u.unit_type == "hospital" and "5006" in u.coverage, coverage=("5006", "5007")
        ),
        "overlap",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_where_it_is(name: str) -> None:
    defect, kind = DEFECTS[name]
    planted = [changed for unit in UNITS if (changed := defect(unit)) is not None]
    assert planted != list(UNITS)
    proof = proof_of(planted)
    assert kind in {finding.kind for finding in proof.findings}
    assert DISPROVED not in {finding.kind for finding in proof.findings}
    said = "\n".join(report.text(proof, str))
    assert "NOT PROVED" in said


def test_a_supporting_part_that_nobody_takes_is_a_finding() -> None:
    planted = [u for u in UNITS if not of("family_shelter")(u) and not of("province_desk")(u)]
    found = {(f.kind, f.place[:2]) for f in proof_of(planted).findings}
    assert ("unsupported", "50") in found


def test_a_rule_that_is_lost_is_found_too() -> None:
    policies = load()
    rules = tuple(r for r in policies.routing.rules if r.name not in ("violence", "host_agency"))
    lost = replace(policies, routing=replace(policies.routing, rules=rules))
    found = proof_of(UNITS, Decider(lost)).findings
    assert {f.kind for f in found} >= {"unnamed_fallback"}
    assert any("no rule" in f.what for f in found)


def test_a_diff_names_what_opened_what_closed_and_what_moved() -> None:
    before = proof_of(UNITS)
    after = proof_of([u for u in UNITS if not of("family_shelter")(u)])
    diff = difference(before, after)
    assert diff.opened
    assert diff.closed == ()
    assert {place for f in diff.opened for place in [f.place[:2]]} == {"50"}
    assert any(now == "province_desk" for _, _, now in diff.moved)
    back = difference(after, before)
    assert back.closed == diff.opened
    assert any("opened" in line for line in report.difference_text(diff, str))
    assert report.as_json(after, diff)["holds"] is False


def mangled(units: Sequence[Unit]) -> st.SearchStrategy[tuple[Unit, ...]]:
    """Draw the same units with some gone, closed, suspended or answering for something else."""
    areas = st.sampled_from(["50", "5001", "500101", "5007", "58", "TH", "10", "1001"])
    fields = st.one_of(
        st.none(),
        st.builds(dict, suspended=st.just(True)),
        st.builds(dict, hours=st.just("th-gov")),
        st.builds(dict, coverage=st.lists(areas, max_size=3).map(tuple)),
        st.builds(dict, problem_types=st.just(("violence",))),
        st.builds(dict, roles=st.just(("front_line_2", "responder"))),
    )
    return st.dictionaries(st.integers(0, len(units) - 1), fields, max_size=12).map(
        lambda changes: tuple(
            replace(unit, **fields) if (fields := changes.get(n, {})) is not None else unit
            for n, unit in enumerate(units)
            if changes.get(n, {}) is not None
        )
    )


FEW = {code: COUNTRY[code] for code in ("1001", "1002", "5001", "5007", "5801")}
ASKED = tuple(
    u
    for u in UNITS
    if u.unit_type not in ("municipality", "subdistrict_administration", "subdistrict_health")
    and (u.district in FEW or u.tier or len(u.coverage) > 1)
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(mangled(ASKED))
def test_the_resolver_never_disproves_the_proof(units: tuple[Unit, ...]) -> None:
    proof = prove(Snapshot.of(1, units), DECIDER, FEW, AT)
    assert [f for f in proof.findings if f.kind == DISPROVED] == []
