"""A directory is released whole or refused with every reason named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from directory.dated import Affiliation, Capacity, Mandate
from directory.places.names import areas
from policies.reader import load
from sandbox.national import national_units
from services.registry.domain.faults import Codes, faults
from tests.unit.directory.registries import central_desk, unit

CODES = Codes(load(), areas(), allow_synthetic=True)
SOUND = unit("a", "500101", unit_type="police_station", latitude=18.79, longitude=98.99)
STATED = "2026-03-01T00:00:00Z"
ORDER = Mandate("area", "5007", "front_line_2", (), "", "", "governor", "1/2569")
DESK = replace(central_desk(), latitude=13.75, longitude=100.5)


def reasons(*units, codes=CODES):
    return {(fault.field, fault.reason) for fault in faults(units, codes)}


def test_the_national_registry_has_no_fault():
    assert list(faults(national_units(), CODES)) == []


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"agency": "nobody"}, "agency", "UNKNOWN_CODE"),
        ({"ministry": "nobody"}, "ministry", "UNKNOWN_CODE"),
        ({"unit_type": "castle"}, "unit_type", "UNKNOWN_CODE"),
        ({"roles": ("front_line_2", "king")}, "roles", "UNKNOWN_CODE"),
        ({"problem_types": ("dragons",)}, "problem_types", "UNKNOWN_CODE"),
        ({"hours": "sometimes"}, "hours", "UNKNOWN_CODE"),
        ({"adapter": "fax"}, "adapter", "UNKNOWN_CODE"),
        ({"tier": "cloud"}, "tier", "UNKNOWN_CODE"),
        ({"coverage": ("5001", "5099")}, "coverage", "UNKNOWN_CODE"),
        ({"subdistrict": "500199"}, "place", "UNKNOWN_CODE"),
        ({"district": "5101"}, "place", "NOT_NESTED"),
        ({"province": "5"}, "place", "NOT_NESTED"),
        ({"parent": "nobody"}, "parent_id", "UNKNOWN_UNIT"),
        ({"parent": "a"}, "parent_id", "COMMAND_CYCLE"),
        ({"phone": "0812E45678"}, "phone", "NOT_A_PHONE"),
        ({"email": "nobody"}, "email", "NOT_AN_EMAIL"),
        ({"external_ids": (("hcode9", "12345"),)}, "external_ids", "WRONG_FORM"),
        ({"external_ids": (("hcode5", "abcde"),)}, "external_ids", "WRONG_FORM"),
        ({"latitude": 13.7, "longitude": 100.5}, "place.point", "OUTSIDE_PROVINCE"),
        ({"latitude": 98.9, "longitude": 18.8}, "place.point", "OUTSIDE_PROVINCE"),
        ({"latitude": float("nan")}, "place.point", "NOT_A_POINT"),
        ({"valid_from": "2026-03-01", "valid_until": "2026-03-01"}, "valid_until", "TURNED_PERIOD"),
        (
            {
                "affiliations": (
                    Affiliation("a", "", "2024-10-02"),
                    Affiliation("b", "2024-10-01", ""),
                )
            },
            "affiliations",
            "OVERLAPPING_PERIODS",
        ),
        (
            {"affiliations": (Affiliation("a", "2024-10-02", "2024-10-01"),)},
            "affiliations",
            "TURNED_PERIOD",
        ),
        ({"capacity": (Capacity("bed", 2, 3, STATED),)}, "capacity", "MORE_THAN_ALL"),
        ({"mandates": (ORDER._replace(kind="gift"),)}, "mandates.kind", "UNKNOWN_CODE"),
        ({"mandates": (ORDER._replace(area="9999"),)}, "mandates.area", "UNKNOWN_CODE"),
        ({"mandates": (ORDER._replace(role="shelter"),)}, "mandates.role", "UNKNOWN_CODE"),
        (
            {"mandates": (ORDER._replace(problem_types=("dragons",)),)},
            "mandates.problem_types",
            "UNKNOWN_CODE",
        ),
        ({"mandates": (ORDER, ORDER)}, "mandates", "OVERLAPPING_PERIODS"),
    ],
)
def test_a_fault_names_the_unit_the_field_and_the_reason(change, field, reason):
    assert (f"a.{field}", reason) in reasons(replace(SOUND, **change), DESK)


def test_a_sound_directory_has_no_fault():
    assert reasons(SOUND, DESK) == set()


def test_a_health_code_may_hold_letters_and_an_order_may_follow_another():
    later = ORDER._replace(since="2026-06-01")
    ends = ORDER._replace(until="2026-06-01")
    owners = (Affiliation("a", "", "2024-10-01"), Affiliation("b", "2024-10-01", ""))
    assert (
        reasons(
            replace(
                SOUND,
                external_ids=(("hcode5", "1A2B3"), ("hcode9", "ZT0000001")),
                mandates=(later, ends),
                affiliations=owners,
                capacity=(Capacity("bed", 3, 3, STATED),),
            ),
            DESK,
        )
        == set()
    )


def test_two_units_never_bear_the_same_number():
    one = replace(SOUND, external_ids=(("police", "7"),))
    assert reasons(one, replace(one, id="b"), DESK) == {("b.external_ids", "DUPLICATE_KEY")}


def test_an_id_has_a_form_that_every_standard_can_carry():
    assert reasons(replace(SOUND, id="a b"), DESK) == {("a b.unit_id", "WRONG_FORM")}


def test_an_id_stands_once():
    assert reasons(SOUND, SOUND, DESK) == {("a.unit_id", "DUPLICATE_ID")}


def test_a_cycle_through_others_is_found_and_those_outside_it_are_not_blamed():
    ring = [replace(SOUND, id=i, parent=p) for i, p in (("a", "b"), ("b", "c"), ("c", "a"))]
    assert reasons(*ring, replace(SOUND, id="d"), DESK) == {
        (f"{unit_id}.parent_id", "COMMAND_CYCLE") for unit_id in "abc"
    }


def test_a_directory_without_a_central_desk_is_refused():
    assert reasons(SOUND) == {("units", "NO_CENTRAL_DESK")}


def test_two_desks_of_one_province_are_refused_and_of_two_are_not():
    one = replace(SOUND, tier="province")
    assert reasons(one, replace(one, id="b", district="5007", subdistrict="500701"), DESK) == {
        ("a.tier", "SECOND_DESK"),
        ("b.tier", "SECOND_DESK"),
    }
    other = replace(one, id="b", province="51", district="5101", subdistrict="510101")
    other = replace(other, latitude=18.58, longitude=99.0)
    assert reasons(one, other, DESK) == set()


def test_made_up_units_are_refused_outside_a_sandbox():
    strict = replace(CODES, allow_synthetic=False)
    assert reasons(SOUND, replace(DESK, synthetic=False), codes=strict) == {
        ("a.synthetic", "SYNTHETIC")
    }
