"""A pin alone says where; what was told is never changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from directory.places.locate import Locator
from services.intake.domain.report import Place
from services.intake.locating import PinReader

SHIPPED = PinReader(Locator())


def test_a_pin_alone_gets_its_province_and_no_guessed_district() -> None:
    assert SHIPPED(Place(latitude=18.79, longitude=98.98)) == Place("50", "", "", 18.79, 98.98)


@pytest.mark.parametrize(
    "told",
    [
        Place(),
        Place("51", "", "", 18.79, 98.98),
        Place("50", "5007", "500701"),
        Place(latitude=10.0, longitude=101.2),
    ],
)
def test_what_was_told_stays_and_a_pin_at_sea_says_nothing(told: Place) -> None:
    assert SHIPPED(told) == told


def test_with_an_operators_polygons_the_district_is_known(tmp_path: Path) -> None:
    ring = [[98.0, 18.0], [100.0, 18.0], [100.0, 20.0], [98.0, 20.0], [98.0, 18.0]]
    feature = {
        "properties": {"ADM2_PCODE": "TH5001"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (tmp_path / "areas.geojson").write_text(json.dumps({"features": [feature]}), encoding="utf-8")
    read = PinReader(Locator(tmp_path))
    assert read(Place(latitude=18.79, longitude=98.98)) == Place("50", "5001", "", 18.79, 98.98)
