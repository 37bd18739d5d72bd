"""The maps of the adapters: whole, without contradiction, and true to the policies' codes."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml

from adapters.sdk import PermanentError
from adapters.sdk.conformance import sample_delivery
from adapters.sdk.mapping import AgencyMap, MapError, load_map, our_fields
from adapters.sdk.model import Person, SafeContact
from policies.reader import load
from songtor.routing.v1 import routing_pb2

ADAPTERS = ("public_health", "police", "labour", "msdhs", "ngo")
REASONS = ("decline", "hold", "cancel", "fail")
POLICIES = load()


def map_of(name: str) -> AgencyMap:
    loaded: AgencyMap = importlib.import_module(f"adapters.{name}.adapter").MAP
    return loaded


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_we_say_reads_back_as_what_we_said(name: str):
    for table in map_of(name).tables.values():
        both_ways = {ours: theirs for ours, theirs in table.out.items() if theirs in table.back}
        assert {theirs: table.back[theirs] for theirs in both_ways.values()} == {
            theirs: ours for ours, theirs in both_ways.items()
        }


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("table", REASONS)
def test_every_reason_of_an_agency_is_one_of_the_policies(name: str, table: str):
    known = getattr(POLICIES.reasons, table)
    tables = map_of(name).tables
    if table in tables:
        assert set(tables[table].back.values()) <= set(known)


@pytest.mark.parametrize("name", ["public_health", "police", "labour", "msdhs"])
def test_every_reason_to_decline_has_a_code_of_the_agency(name: str):
    assert set(map_of(name).table("decline").out) == set(POLICIES.reasons.decline)


@pytest.mark.parametrize("name", ["public_health", "police", "labour", "msdhs"])
def test_every_outcome_of_an_agency_is_one_of_the_policies(name: str):
    assert set(map_of(name).table("outcome").back.values()) <= set(POLICIES.reasons.outcomes)


@pytest.mark.parametrize(
    ("name", "table"),
    [("police", "incident_type"), ("msdhs", "problem")],
)
def test_every_problem_type_has_a_code_of_the_agency(name: str, table: str):
    assert set(map_of(name).table(table).out) == set(POLICIES.problem_types)


def test_every_cause_of_an_emergency_has_a_type_of_incident():
    assert set(map_of("police").table("ess_type").out) == set(POLICIES.ess_causes)


@pytest.mark.parametrize("name", ["public_health", "police", "labour"])
def test_every_urgency_has_a_code_of_the_agency(name: str):
    assert set(map_of(name).table("urgency").out) == set(POLICIES.vocabulary.urgencies)


@pytest.mark.parametrize("name", ["police", "labour"])
def test_every_state_can_be_told_as_news(name: str):
    states = {
        state.removeprefix("ASSIGNMENT_STATE_").lower()
        for state in routing_pb2.AssignmentState.keys()  # noqa: SIM118  (not iterable itself)
        if not state.endswith(("UNSPECIFIED", "DRAFT"))
    }
    assert set(map_of(name).table("news").out) == states | {"reached"}


def test_a_value_without_a_place_is_named_and_an_empty_one_is_not():
    labour = map_of("labour")
    silent = sample_delivery(silent=True, part="lead")
    assert {"silent", "part"} <= set(labour.losses(silent))
    assert {"silent", "part"}.isdisjoint(labour.losses(sample_delivery()))


def test_a_code_that_the_agency_does_not_know_is_a_loss_of_its_field():
    hospital = map_of("public_health")
    people = (Person("P1", "", "unheard-of", "", ()),)
    contact = SafeContact(contact_prohibited=False, channels=(), hours="", language="tlh")
    lost = hospital.losses(sample_delivery(people=people, safe_contact=contact))
    assert {"people.sex", "safe_contact.language"} <= set(lost)


def test_a_code_is_never_made_up():
    with pytest.raises(PermanentError, match="NO_CODE_URGENCY"):
        map_of("police").table("urgency").theirs("yesterday")
    assert map_of("police").table("decline").ours("FULL-MOON") == ""


def written(tmp_path: Path, **changes: object) -> Path:
    content = {
        "agency": "test",
        "standard": "none",
        "fields": {name: {"to": "somewhere"} for name in our_fields()},
        "codes": {"urgency": [{"ours": "crisis", "theirs": "1"}]},
    }
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(content | changes), encoding="utf-8")
    return path


def test_a_map_that_forgets_a_field_is_refused(tmp_path: Path):
    fields = {name: {"to": "somewhere"} for name in our_fields() - {"silent"}}
    with pytest.raises(MapError, match="silent"):
        load_map(written(tmp_path, fields=fields))


@pytest.mark.parametrize("entry", [{}, {"to": "a", "lost": "b"}, {"to": ""}, {"codes": "urgency"}])
def test_a_field_with_no_clear_end_is_refused(tmp_path: Path, entry: dict[str, str]):
    fields = {name: {"to": "somewhere"} for name in our_fields()} | {"silent": entry}
    with pytest.raises(MapError, match="silent needs one of"):
        load_map(written(tmp_path, fields=fields))


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (
            [{"ours": "crisis", "theirs": "1"}, {"ours": "crisis", "theirs": "2"}],
            "two codes for our crisis",
        ),
        (
            [{"ours": "crisis", "theirs": "1"}, {"ours": "urgent", "theirs": "1"}],
            "two readings of 1",
        ),
        ([{"ours": "crisis", "theirs": "1", "only": "sometimes"}], "only is out or back"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    tmp_path: Path, rows: list[dict[str, str]], complaint: str
):
    with pytest.raises(MapError, match=complaint):
        load_map(written(tmp_path, codes={"urgency": rows}))


def test_many_to_one_is_allowed_where_it_is_written_only(tmp_path: Path):
    rows = [
        {"ours": "crisis", "theirs": "1"},
        {"ours": "urgent", "theirs": "1", "only": "out"},
    ]
    table = load_map(written(tmp_path, codes={"urgency": rows})).table("urgency")
    assert (table.theirs("urgent"), table.ours("1")) == ("1", "crisis")


def test_a_field_that_names_a_table_that_is_not_there_is_refused(tmp_path: Path):
    fields = {name: {"to": "somewhere"} for name in our_fields()}
    fields["urgency"] = {"to": "somewhere", "codes": "nowhere"}
    with pytest.raises(MapError, match="no such table: nowhere"):
        load_map(written(tmp_path, fields=fields))
