"""The national registry of the sandbox is the one that s003 counts, and reaches nobody."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import geothai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model import Unit, digest_of
from policies.reader import load
from sandbox.national import national_units
from sandbox.national.areas import POLICE_REGIONS, provinces, share
from sandbox.national.kinds import AGENCIES, KINDS
from sandbox.national.registry import _directions

UNITS = national_units()
BY_ID = {unit.id: unit for unit in UNITS}
PROVINCES = {p.code for p in geothai.provinces()}


def intake(agency: str) -> list[Unit]:
    return [unit for unit in UNITS if unit.is_intake and unit.agency == agency]


def test_it_is_the_same_to_the_last_byte_on_every_machine():
    assert digest_of(UNITS) == "0eafa064e3ca66458f4e8236e3259ff9d67dfd4edf6da6a6cc0cbdfaadf583dc"


@pytest.mark.parametrize(
    ("agency", "count"),
    [
        ("msdhs", 324),
        ("public_health", 10_579),
        ("labour", 26),
        ("bangkok", 127),
        ("justice", 77),
        ("interior", 8_729),
        ("education", 225),
        ("police", 1_465),
        ("pattaya", 1),
    ],
)
def test_each_body_has_the_intake_units_that_s003_counts(agency, count):
    assert len(intake(agency)) == count


def test_all_intake_units_together_are_21_553():
    assert sum(unit.is_intake for unit in UNITS) == 21_553
    assert {unit.agency for unit in UNITS if unit.is_intake} == set(AGENCIES) - {"ngo"}


def test_what_takes_no_reports_is_counted_apart():
    others = Counter(unit.unit_type for unit in UNITS if not unit.is_intake)
    assert others == {
        "labour_office": 60,
        "ngo": 20,
        "mobile_unit": 1,
        "hotline_centre": 1,
        "central_desk": 1,
        "ministry_desk": 7,
        "province_desk": 77,
    }


@pytest.mark.parametrize(
    ("unit_type", "count"),
    [
        ("hospital", 829),
        ("subdistrict_health", 9_750),
        ("district_office", 878),
        ("provincial_administration", 76),
        ("municipality", 2_441),
        ("subdistrict_administration", 5_334),
        ("primary_education_area", 183),
        ("secondary_education_area", 42),
        ("provincial_office", 76),
        ("family_shelter", 77),
        ("trafficking_shelter", 9),
        ("child_home", 30),
    ],
)
def test_the_bodies_are_made_up_of_what_the_facts_say(unit_type, count):
    assert sum(u.unit_type == unit_type and u.is_intake for u in UNITS) == count


def test_no_two_units_share_an_id_a_phone_a_mail_address_or_an_external_id():
    for key in (
        [u.id for u in UNITS],
        [u.phone for u in UNITS],
        [u.email for u in UNITS],
        [pair for u in UNITS for pair in u.external_ids],
    ):
        assert len(set(key)) == len(key)


def test_no_contact_can_reach_anyone_and_every_row_says_that_it_is_made_up():
    for unit in UNITS:
        assert re.fullmatch(r"000-00\d-\d{4}", unit.phone)
        assert unit.email.endswith(("@unit.example", "@desk.example"))
        assert unit.synthetic


def test_an_id_tells_the_body_the_district_and_a_number():
    tokens = {facts.token for facts in AGENCIES.values()} | {"DESK"}
    for unit in UNITS:
        token, district, number = re.fullmatch(r"TH-([A-Z]+)-(\d{4})-(\d{3})", unit.id).groups()
        assert token in tokens
        assert district == unit.district
        assert int(number) > 0


def test_codes_are_dopas_and_nest():
    for unit in UNITS:
        assert geothai.subdistrict(unit.subdistrict) is not None
        assert unit.subdistrict.startswith(unit.district)
        assert unit.district.startswith(unit.province)
        for area in unit.coverage:
            assert area == "TH" or any(
                look(area) for look in (geothai.province, geothai.district, geothai.subdistrict)
            )


def test_every_unit_stands_in_thailand_and_on_a_spot_of_its_own():
    assert all(5.6 < u.latitude < 20.5 and 97.3 < u.longitude < 105.7 for u in UNITS)
    assert len({(u.district, u.point) for u in UNITS}) == len(UNITS)


def test_kinds_keep_the_hours_and_agencies_of_the_policies():
    vocabulary = load().vocabulary
    assert set(KINDS) <= set(vocabulary.unit_types)
    for code, kind in KINDS.items():
        assert kind.hours == vocabulary.unit_types[code].calendar
        assert kind.agency == vocabulary.unit_types[code].agency
        assert set(kind.roles) <= set(vocabulary.roles)


def test_agencies_answer_to_the_ministries_of_the_policies():
    agencies = load().agencies
    assert {code: facts.ministry for code, facts in AGENCIES.items()} == {
        code: agency.ministry for code, agency in agencies.items()
    }


def test_the_five_agency_systems_receive_for_their_own_units_and_desks_have_none():
    systems = {u.agency: u.adapter for u in UNITS if not u.tier}
    own = {"public_health", "police", "labour", "msdhs", "ngo"}
    assert {agency for agency, system in systems.items() if agency == system} == own
    assert systems["bangkok"] == "public_health"
    assert {u.adapter for u in UNITS if u.tier} == {""}


def test_shelters_hospitals_and_stations_never_close():
    for unit in UNITS:
        if unit.unit_type in ("family_shelter", "hospital", "police_station", "mobile_unit"):
            assert unit.hours == "24x7"
        if unit.unit_type in ("provincial_office", "labour_office", "subdistrict_health"):
            assert unit.hours == "th-gov"


def test_every_province_has_a_shelter_and_all_but_bangkok_a_provincial_office():
    standing = {
        kind: sorted(u.province for u in UNITS if u.unit_type == kind)
        for kind in ("family_shelter", "provincial_office", "province_desk")
    }
    assert standing["family_shelter"] == sorted(PROVINCES)
    assert standing["province_desk"] == sorted(PROVINCES)
    assert standing["provincial_office"] == sorted(PROVINCES - {"10"})


def test_26_labour_intake_units_cover_the_77_provinces_and_60_hosts_fill_the_gaps():
    centres = [u for u in UNITS if u.unit_type == "labour_centre"]
    assert {area for u in centres for area in u.coverage} == PROVINCES
    hosts = [u for u in UNITS if u.unit_type == "labour_office"]
    without_intake = PROVINCES - {u.province for u in centres}
    assert len(without_intake) >= 51
    assert {u.province for u in hosts} - {"10"} == without_intake
    areas = [area for u in hosts if u.province == "10" for area in u.coverage]
    assert sorted(areas) == [d.code for d in geothai.districts("10")]


def test_every_district_has_a_station_and_a_hospital_that_answers_for_it():
    for kind in ("police_station", "hospital"):
        covered = {area for u in UNITS if u.unit_type == kind for area in u.coverage}
        missing = {d.code for p in PROVINCES for d in geothai.districts(p)} - covered
        assert all(kind == "hospital" and code.startswith("10") for code in missing)


def test_police_region_6_has_the_145_stations_of_the_pilot():
    region = POLICE_REGIONS["6"]
    assert sum(u.unit_type == "police_station" and u.province in region for u in UNITS) == 145


def test_police_regions_part_the_country():
    assert sorted(code for codes in POLICE_REGIONS.values() for code in codes) == sorted(PROVINCES)


def test_health_units_that_moved_belong_to_their_provincial_administration():
    moved = [u for u in UNITS if u.affiliation == "provincial_administration"]
    assert len(moved) == 4_223
    assert {u.unit_type for u in moved} == {"subdistrict_health"}
    assert {BY_ID[u.parent].unit_type for u in moved} == {"provincial_administration"}


def test_the_chain_of_command_ends_at_the_central_desk():
    central = next(u for u in UNITS if u.tier == "central")
    for unit in UNITS:
        seen = [unit.id]
        while parent := BY_ID[seen[-1]].parent:
            assert parent not in seen
            seen.append(parent)
        assert seen[-1] == central.id


def test_there_is_one_central_desk_one_a_ministry_and_one_a_province():
    desks = Counter(u.tier for u in UNITS if u.tier)
    assert desks == {"central": 1, "ministry": len(load().ministries), "province": 77}
    assert {u.ministry for u in UNITS if u.tier == "ministry"} == set(load().ministries)
    assert {u.roles for u in UNITS if u.tier} == {("tier_desk",)}


def test_border_shelters_speak_the_language_across_the_border():
    shelters = {u.province: u for u in UNITS if u.unit_type == "family_shelter"}
    assert "mfa" in shelters["96"].languages
    assert "khm" in shelters["27"].languages
    assert shelters["36"].languages == ("tha",)


def test_every_point_of_a_district_names_its_source():
    path = Path("directory/places/seats.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [d.code for p in provinces().values() for d in p.districts]
    assert [row["district"] for row in rows] == codes
    assert all(
        re.fullmatch(r"geonames:\d+|near the province's seat", row["source"]) for row in rows
    )


def test_directions_keep_their_length_so_that_rings_stay_round():
    for north, east in _directions()[:300]:
        assert abs(north**2 + east**2 - 10**24) < 10**15


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(1, 500), min_size=1),
    st.integers(0, 5_000),
    st.integers(0, 3),
)
def test_shares_are_whole_fair_and_complete(weights, more, minimum):
    total = more + minimum * len(weights)
    shares = share(total, weights, minimum)
    assert sum(shares.values()) == total
    whole = sum(weights.values())
    for key, got in shares.items():
        exact = (total - minimum * len(weights)) * weights[key] / whole + minimum
        assert exact - 1 < got < exact + 1


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(ValueError, match="cannot give"):
        share(1, {"a": 1, "b": 1}, 1)
