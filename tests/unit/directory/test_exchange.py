"""Directories go out and come back as they were; what is wrong is named by line and field."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from directory.changes import changes
from directory.dated import Affiliation, Capacity, Mandate
from directory.exchange import hsds, rows
from directory.exchange.rows import BadRow, FileError
from directory.model import Unit
from sandbox.national import national_units
from tests.spec import spec_file
from tests.unit.directory.registries import unit

DATED = unit(
    "a",
    "500101",
    external_ids=(("hcode5", "1A2B3"), ("hcode9", "ZT0000001")),
    target_groups=("child",),
    valid_from="2026-01-01",
    affiliations=(Affiliation("moph", "", "2024-10-01"), Affiliation("pao", "2024-10-01", "")),
    capacity=(Capacity("bed", 20, 3, "2026-03-01T00:00:00Z"),),
    mandates=(
        Mandate("area", "5007", "responder", ("violence", "other"), "", "", "governor", "1"),
    ),
)
COUNTRY = national_units()
FEW = tuple(u for u in COUNTRY if u.province == "50")


def written(*units: Unit) -> str:
    file = io.StringIO(newline="")
    rows.write(units, file)
    return file.getvalue()


def read(text: str | bytes) -> list[Unit | BadRow]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(rows.read(io.BytesIO(data)))


def changed(column: str, value: str) -> str:
    """Return a file of one unit with one value changed."""
    header, values = (line.split(",") for line in written(DATED).splitlines())
    values[header.index(column)] = value
    return "\r\n".join((",".join(header), ",".join(values)))


def test_the_whole_country_comes_back_from_csv_as_it_was() -> None:
    assert tuple(read(written(*COUNTRY))) == COUNTRY


def test_dated_facts_come_back_too_and_a_byte_order_mark_does_no_harm() -> None:
    assert read("\ufeff" + written(DATED)) == [DATED]


def test_a_file_from_before_a_column_was_there_is_read() -> None:
    header, values = (line.split(",") for line in written(unit("a", "500101")).splitlines())
    count = header.index("target_groups")
    old = "\r\n".join((",".join(header[:count]), ",".join(values[:count])))
    assert read(old) == [unit("a", "500101")]


def test_names_with_commas_quotes_and_line_ends_come_back() -> None:
    odd = unit("a", "500101", name_en='Say "hello", twice\nand again')
    assert read(written(odd, unit("b", "500101"))) == [odd, unit("b", "500101")]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("name_th", "", "MISSING"),
        ("latitude", "18,79", "WRONG_LENGTH"),
        ("latitude", "north", "NOT_A_NUMBER"),
        ("latitude", "nan", "NOT_A_NUMBER"),
        ("is_intake", "yes", "NOT_TRUE_OR_FALSE"),
        ("roles", "responder;;shelter", "EMPTY_ITEM"),
        ("roles", "responder;responder", "TWICE"),
        ("external_ids", "hcode5", "NOT_A_PAIR"),
        ("external_ids", "hcode5=1;hcode5=2", "TWICE"),
        ("valid_from", "1/3/2569", "NOT_A_DAY"),
        ("affiliations", "moph", "WRONG_PARTS"),
        ("affiliations", "moph|yesterday|", "NOT_A_DAY"),
        ("capacity", "bed|many|few|2026-03-01T00:00:00Z", "NOT_A_NUMBER"),
        ("capacity", "bed|2|1|2026-03-01", "NOT_AN_INSTANT"),
        ("mandates", "area|5007", "WRONG_PARTS"),
        ("hours", " 24x7", "BLANKS_AROUND"),
        ("name_en", "a\x00b", "CONTROL_CHARACTER"),
    ],
)
def test_a_bad_value_is_named_by_line_and_column(column: str, value: str, reason: str) -> None:
    bad = read(changed(column, value))
    assert [type(item) for item in bad] == [BadRow]
    assert isinstance(bad[0], BadRow)
    assert (bad[0].line, bad[0].reason) == (2, reason)
    assert reason == "WRONG_LENGTH" or (bad[0].column, bad[0].unit_id) == (column, "a")


def test_every_fault_of_a_row_is_named_and_the_other_rows_are_read() -> None:
    lines = written(unit("a", "500101"), unit("b", "500101"), unit("c", "500101")).splitlines()
    lines[2] = lines[2].replace("24x7", "").replace("true", "maybe")
    found = read("\r\n".join(lines))
    assert [item.id for item in found if isinstance(item, Unit)] == ["a", "c"]
    bad = [(item.line, item.column) for item in found if isinstance(item, BadRow)]
    assert bad == [(3, "hours"), (3, "is_intake"), (3, "synthetic")]


def test_a_row_in_another_encoding_is_named_and_nothing_is_guessed() -> None:
    data = written(unit("a", "500101")).encode() + written(unit("b", "500101")).splitlines()[
        1
    ].encode().replace(b",b,b,", ",สถานี,b,".encode("tis-620"), 1)
    bad = read(data)[1]
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.column, bad.reason) == (3, "name_th", "NOT_UTF8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("id,name_th\r\n", "'agency', 'coverage'"),
        (written().replace("roles", "rolls"), "'roles' is missing"),
        (written().strip() + ",surprise\r\n", "'surprise' is not known"),
        (written().strip() + ",id\r\n", "'id' stands twice"),
        (written() + '"open', "is no CSV"),
    ],
)
def test_a_file_that_is_no_directory_is_refused_whole(text: str, says: str) -> None:
    with pytest.raises(FileError, match=says):
        read(text)


class Endless(io.RawIOBase):
    """A file of a million rows that is made while it is read."""

    def __init__(self, count: int) -> None:
        header, self._row = written(unit("u0", "500101")).splitlines(keepends=True)
        self._left = self._lines(header, count)
        self._rest = b""

    def _lines(self, header: str, count: int) -> Iterator[bytes]:
        yield header.encode()
        for number in range(count):
            yield self._row.replace("u0", f"u{number}").encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while len(self._rest) < len(buffer) and (line := next(self._left, b"")):
            self._rest += line
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def test_a_file_of_a_million_rows_is_refused_at_the_limit_without_being_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "LIMIT", 2_000)
    file = io.BufferedReader(Endless(1_000_000))
    units = 0
    for item in rows.read(file):
        if isinstance(item, BadRow):
            assert (item.reason, item.line) == ("TOO_MANY_ROWS", 2_002)
            break
        units += 1
    assert units == 2_000


def test_a_text_that_a_spreadsheet_would_run_is_not_written() -> None:
    with pytest.raises(FileError, match="formula"):
        written(unit("a", "500101", name_en="=HYPERLINK(1)"))


def hsds_of(*units: Unit, with_shelters: bool = True) -> bytes:
    file = io.StringIO()
    hsds.write(units, file, with_shelters=with_shelters)
    return file.getvalue().encode()


def test_the_country_comes_back_from_hsds_as_it_was() -> None:
    assert tuple(hsds.read(hsds_of(*FEW, DATED))) == tuple(
        sorted((*FEW, DATED), key=lambda u: u.id)
    )


def strict(schema: Any) -> Any:
    """Return a schema as the project's own checks read it: no property that it does not name."""
    return schema | {"additionalProperties": False} if "properties" in schema else schema


@pytest.mark.parametrize("version", ["3.0", "3.1-dev"])
def test_every_service_passes_the_official_schema(version: str) -> None:
    folder = spec_file(f"hsds/{version}/schema/service.json").parent
    schemas = {
        path.name: strict(json.loads(path.read_text(encoding="utf-8")))
        for path in folder.glob("*.json")
        if path.name not in ("openapi.json", "service_with_definitions.json")
    }
    registry: Registry[Any] = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in schemas.items()
    )
    validator = Draft202012Validator(
        schemas["service.json"],
        registry=registry,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    kinds = {u.unit_type: u for u in COUNTRY}
    services = json.loads(hsds_of(*kinds.values(), DATED))
    assert len(services) > 25
    assert [e.message for s in services for e in validator.iter_errors(s)] == []
    del services[0]["name"]
    assert not validator.is_valid(services[0])


def test_where_shelters_stand_is_left_out_unless_asked_for() -> None:
    shelter = next(u for u in FEW if u.unit_type == "family_shelter")
    told = json.loads(hsds_of(shelter, with_shelters=False))[0]
    assert str(shelter.latitude) not in json.dumps(told)
    assert shelter.subdistrict not in json.dumps(told)
    assert told["service_at_locations"][0]["location"]["external_identifier"] == shelter.district


def test_a_service_that_is_no_unit_is_named_by_its_number() -> None:
    services = json.loads(hsds_of(unit("a", "500101")))
    services.append({"id": "x", "name": "y", "status": "active"})
    services.append({**services[0], "attributes": []})
    found = list(hsds.read(json.dumps(services).encode()))
    assert isinstance(found[0], Unit)
    bad = [(item.line, item.reason) for item in found if isinstance(item, BadRow)]
    assert bad[0] == (2, "NOT_A_UNIT")
    assert {reason for line, reason in bad if line == 3} == {"MISSING"}


@pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b'"text"'])
def test_a_file_that_is_no_hsds_is_refused_whole(data: bytes) -> None:
    with pytest.raises(FileError):
        list(hsds.read(data))


def test_a_changed_unit_is_told_by_its_fields() -> None:
    other = replace(DATED, suspended=True, hours="th-gov")
    found = changes([DATED, unit("b", "500101")], [other, unit("c", "500101")])
    assert (found.added, found.ended) == (("c",), ("b",))
    assert found.changed == {"a": ("hours", "suspended")}
