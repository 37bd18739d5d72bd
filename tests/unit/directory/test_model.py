"""Units, places and snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from directory.dated import Mandate
from directory.model import Place, Snapshot, canonical, digest_of, distance_km
from tests.unit.directory.registries import registries, unit


@given(registries())
def test_equal_registries_have_equal_digests_whatever_their_order(units):
    assert digest_of(units) == digest_of(reversed(units)) == Snapshot.of(1, units).digest


def test_any_changed_field_changes_the_digest():
    one = unit("a", "500101")
    for other in (
        unit("a", "500101", suspended=True),
        unit("a", "500101", latitude=15.00001),
        unit("a", "500101", roles=("front_line_1",)),
    ):
        assert digest_of([one]) != digest_of([other])


def test_the_canonical_line_is_json_with_thai_written_out():
    (line,) = canonical([unit("a", "500101", name_th="สถานี")])
    assert line.startswith(b'["a",[],"')
    assert "สถานี".encode() in line
    assert line.endswith(b"\n")


@pytest.mark.parametrize(
    ("code", "areas"),
    [
        ("500101", ("500101", "5001", "50", "TH")),
        ("5001", ("5001", "50", "TH")),
        ("50", ("50", "TH")),
        ("", ("TH",)),
    ],
)
def test_a_code_names_every_area_that_holds_it(code, areas):
    assert Place.of(code).areas == areas


def test_a_snapshot_finds_a_desk_by_its_tier_and_scope():
    desks = [
        unit("centre", "100101", tier="central"),
        unit("labour", "100101", tier="ministry", ministry="labour"),
        unit("north", "500101", tier="province"),
    ]
    snapshot = Snapshot.of(1, [*desks, unit("station", "500101")])
    assert {key: desk.id for key, desk in snapshot.desks.items()} == {
        ("central", ""): "centre",
        ("ministry", "labour"): "labour",
        ("province", "50"): "north",
    }


def test_a_place_without_a_pin_is_the_middle_of_its_district_else_of_the_capital():
    snapshot = Snapshot.of(
        1,
        [
            unit("a", "500101", latitude=18.0),
            unit("b", "500102", latitude=19.0),
            unit("c", "500201", latitude=20.0),
        ],
    )
    assert snapshot.centre_of(Place.of("500202")) == (20.0, 100.0)
    assert snapshot.centre_of(Place.of("500999")) == (18.5, 100.0)
    assert snapshot.centre_of(Place.of("50", (1.0, 2.0))) == (1.0, 2.0)
    assert snapshot.centre_of(Place.of("99")) is None


def test_chiang_mai_is_some_582_km_from_bangkok():
    assert distance_km((18.79, 98.98), (13.75, 100.5)) == pytest.approx(582, abs=4)


def test_a_unit_that_says_nothing_new_has_the_line_it_always_had() -> None:
    plain = unit("a", "500101")
    later = replace(plain, valid_from="2026-03-01")
    assert next(canonical([plain])).count(b",") < next(canonical([later])).count(b",")
    assert b"target_groups" not in next(canonical([plain]))
    assert digest_of([plain]) != digest_of([later])


def test_a_mandate_to_do_what_a_unit_does_not_do_gives_it_nothing() -> None:
    order = Mandate("team", "5007", "shelter", (), "", "", "governor", "1/2569")
    assert Snapshot.of(1, [unit("a", "500101", mandates=(order,))]).mandated == {}
