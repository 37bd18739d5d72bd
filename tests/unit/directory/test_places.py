"""From pins, words and codes to areas, with what is uncertain said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from directory.places.locate import (
    ABROAD,
    AMBIGUOUS,
    APPROXIMATE,
    BORDER,
    INSIDE,
    MATCH,
    OFFSHORE,
    UNKNOWN,
    Located,
    Locator,
)
from directory.places.seats import seats
from directory.places.shapes import ShapesError
from tests.spec import spec_file

SHIPPED = Locator()


@pytest.fixture(scope="module")
def survey() -> Locator:
    """Return a locator over the polygons that stand for an operator's."""
    return Locator(spec_file("../geo/th_adm2.geojson").parent)


def square(code: str, west: float, south: float, size: float = 1.0) -> dict[str, object]:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"ADM3_PCODE": f"TH{code}"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def folder(path: Path, *features: object) -> Locator:
    (path / "areas.geojson").write_text(json.dumps({"features": features}), encoding="utf-8")
    return Locator(path)


def test_without_an_operators_file_a_pin_gets_its_province_and_a_guess() -> None:
    found = SHIPPED.pin((18.79, 98.98))
    assert found.quality == APPROXIMATE
    assert found.code == "5001"
    assert found.found[0].approximate


def test_nearly_every_seat_lies_in_the_shipped_outline_of_its_province() -> None:
    codes, points = zip(*seats().items(), strict=True)
    located = SHIPPED.pins(points)
    right = sum(
        code[:2] in {f.code[:2] for f in there.found}
        for code, there in zip(codes, located, strict=True)
    )
    assert right / len(codes) > 0.97


def test_with_polygons_a_pin_gets_its_district(survey: Locator) -> None:
    found = survey.pin((18.79, 98.98))
    assert (found.quality, found.code) == (INSIDE, "5001")
    assert not found.found[0].approximate
    assert found.place((18.79, 98.98)).district == "5001"


def test_nearly_every_seat_lies_in_the_survey_of_its_district(survey: Locator) -> None:
    codes, points = zip(*seats().items(), strict=True)
    right = sum(code == there.code for code, there in zip(codes, survey.pins(points), strict=True))
    assert right / len(codes) > 0.9


@pytest.mark.parametrize("point", [(21.5, 100.0), (10.0, 101.2), (16.8, 96.15), (0.0, 0.0)])
def test_abroad_and_far_at_sea_there_is_no_area(point: tuple[float, float]) -> None:
    assert SHIPPED.pin(point) == Located(ABROAD)


def test_just_off_the_coast_the_nearest_district_is_a_guess(survey: Locator) -> None:
    found = survey.pin((12.90, 100.80))
    assert found.quality == OFFSHORE
    assert found.code[:2] == "20"
    assert found.found[0].approximate
    assert 0 < found.found[0].distance_km < 25


def test_at_a_border_both_provinces_are_named_and_the_one_that_holds_the_pin_is_first(
    tmp_path: Path,
) -> None:
    towns = folder(tmp_path, square("500101", 98.0, 18.0), square("510101", 99.0, 18.0))
    found = towns.pin((18.5, 98.99))
    assert found.quality == BORDER
    assert [f.code for f in found.found] == ["500101", "510101"]
    assert found.found[0].distance_km == 0
    assert found.found[1].distance_km == pytest.approx(1.08, abs=0.05)
    assert towns.pin((18.5, 99.01)).code == "510101"
    assert towns.pin((18.5, 98.5)).quality == INSIDE


def test_sub_districts_answer_where_there_are_any_and_districts_elsewhere(tmp_path: Path) -> None:
    mixed = folder(tmp_path, square("500101", 98.0, 18.0), square("5007", 99.5, 18.0))
    assert mixed.pin((18.5, 98.5)).code == "500101"
    assert mixed.pin((18.5, 100.0)).code == "5007"


def test_an_area_that_is_not_in_force_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ShapesError, match=r"areas\.geojson: feature 0: '999999' is no area"):
        folder(tmp_path, square("999999", 98.0, 18.0)).levels()


def test_an_area_that_stands_twice_is_refused(tmp_path: Path) -> None:
    twice = folder(tmp_path, square("5001", 98.0, 18.0), square("5001", 99.0, 18.0))
    with pytest.raises(ShapesError, match="5001 stands more than once"):
        twice.levels()


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ({"properties": {"name": "x"}, "geometry": None}, "has no code"),
        ({"properties": {"code": "5001"}, "geometry": None}, "is no area"),
        (
            {"properties": {"code": "5001"}, "geometry": {"type": "Point", "coordinates": [1, 2]}},
            "not a valid polygon",
        ),
    ],
)
def test_a_feature_that_is_no_polygon_is_refused(
    tmp_path: Path, feature: object, says: str
) -> None:
    with pytest.raises(ShapesError, match=says):
        folder(tmp_path, feature).levels()


def test_an_empty_folder_and_a_file_that_is_no_geojson_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapesError, match=r"holds no \*\.geojson"):
        Locator(tmp_path).levels()
    (tmp_path / "areas.geojson").write_text("{", encoding="utf-8")
    with pytest.raises(ShapesError, match="no GeoJSON"):
        Locator(tmp_path).levels()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ต.ศรีภูมิ อ.เมืองเชียงใหม่ จ.เชียงใหม่ 50200", "500101"),
        ("ต.ศรีภูมิ อ.เมือง จ.เชียงใหม่", "500101"),
        ("99/1 หมู่ 3 ตำบลริมใต้ อำเภอแม่ริม จังหวัดเชียงใหม่", "500701"),
        ("Tambon Si Phum, Amphoe Mueang Chiang Mai, Chiang Mai 50200", "500101"),
        ("Mae Rim District, Chiang Mai Province", "5007"),
        ("แม่ริม เชียงใหม่", "5007"),
        ("อ.เมือง จ.เชียงใหม่", "5001"),
        ("เขตพระนคร กทม", "1001"),
    ],
)
def test_an_address_is_read_in_thai_and_english(text: str, code: str) -> None:
    found = SHIPPED.words(text)
    assert (found.quality, found.code) == (MATCH, code)


def test_a_name_that_many_places_bear_comes_with_its_alternatives() -> None:
    found = SHIPPED.words("วังทอง")
    assert found.quality == AMBIGUOUS
    assert len(found.found) == 10
    assert found.code == "6508"
    assert {f.code for f in SHIPPED.words("Ko Tao").found} == {"840503", "931003"}


@pytest.mark.parametrize("text", ["", "   ", "nowhere at all", "12345678", "???"])
def test_words_that_name_no_place_are_unknown(text: str) -> None:
    assert SHIPPED.words(text) == Located(UNKNOWN)


def test_a_code_is_known_or_not() -> None:
    assert SHIPPED.code("500701").place().province == "50"
    assert SHIPPED.code("509999").quality == UNKNOWN
