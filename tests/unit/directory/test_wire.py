"""Units survive the wire and the file unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given

from directory import archive
from directory.model import Place, Snapshot
from directory.wire import place_from, unit_from, unit_to
from sandbox.national import national_units
from songtor.registry.v1 import registry_pb2
from songtor.type.v1 import type_pb2
from tests.unit.directory.registries import registries


@given(registries())
def test_a_unit_comes_back_from_the_wire_as_it_went(units):
    for unit in units:
        assert unit_from(registry_pb2.Unit.FromString(unit_to(unit).SerializeToString())) == unit


def test_every_unit_of_the_country_comes_back_as_it_went():
    assert tuple(unit_from(unit_to(unit)) for unit in national_units()) == national_units()


@pytest.mark.parametrize(
    ("codes", "place"),
    [
        ({"subdistrict_code": "500101"}, Place("50", "5001", "500101")),
        ({"district_code": "5001"}, Place("50", "5001")),
        ({"province_code": "50"}, Place("50")),
        ({}, Place()),
        ({"point": {"latitude": 18.5, "longitude": 99.0}}, Place(point=(18.5, 99.0))),
    ],
)
def test_the_smallest_code_names_the_larger_areas(codes, place):
    assert place_from(type_pb2.Place(**codes)) == place


def test_a_kept_snapshot_is_read_as_it_was(tmp_path):
    snapshot = Snapshot.of(4, national_units()[:50])
    archive.write(snapshot, tmp_path / "directory")
    assert archive.read(tmp_path / "directory") == snapshot


def test_a_kept_snapshot_that_is_not_whole_is_as_good_as_none(tmp_path):
    path = tmp_path / "directory"
    assert archive.read(path) is None
    archive.write(Snapshot.of(4, national_units()[:50]), path)
    whole = path.read_bytes()
    for damaged in (
        b"",
        whole[:-200],
        whole.replace(b"bangkok", b"bangkog"),
        b"{}\n[1]\n",
        b"\xff",
    ):
        path.write_bytes(damaged)
        assert archive.read(path) is None
