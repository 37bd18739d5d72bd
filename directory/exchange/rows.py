"""Units as CSV rows (RFC 4180, UTF-8), one column a field; a bad row is said with line and field.

Lists are parted by `;`, the parts of a dated fact by `|`:
`affiliations` owner|since|until, `capacity` what|maximum|available|stated_at, `mandates`
kind|area|role|problem+problem|since|until|by|reference, `external_ids` system=value.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TextIO

from directory.dated import Affiliation, Capacity, Mandate
from directory.model import Unit

COLUMNS = Unit.__slots__
REQUIRED = frozenset(COLUMNS[: COLUMNS.index("target_groups")])
"""Columns a file must have; those that came later may be missing."""
LISTS = frozenset(("roles", "problem_types", "languages", "coverage", "target_groups"))
MUST_SAY = frozenset(
    (
        "id",
        "name_th",
        "agency",
        "ministry",
        "unit_type",
        "province",
        "district",
        "subdistrict",
        "hours",
    )
)
LIMIT = 250_000
"""Most units of a directory: ten times the nation's. More is another file by mistake."""
_DAY = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")
_INSTANT = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in one row."""

    line: int
    """Where the row begins in the file, counted from 1."""
    unit_id: str
    column: str
    reason: str
    """A stable code."""
    description: str

    def __str__(self) -> str:
        who = f" ({self.unit_id})" if self.unit_id else ""
        return f"line {self.line}{who}, {self.column}: {self.reason}: {self.description}"


class FileError(ValueError):
    """The file as a whole cannot be read; nothing of it was taken."""


def read(file: BinaryIO) -> Iterator[Unit | BadRow]:
    """Yield each row as a unit, or all that is wrong with it; the file is never held whole."""
    # What is no UTF-8 comes through as surrogates, so that the row can be named.
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = csv.reader(text, strict=True)
    try:
        header = next(lines, None)
        columns = _columns(header)
        line, count = lines.line_num + 1, 0
        for values in lines:
            if values:
                count += 1
                if count > LIMIT:
                    yield BadRow(line, "", "file", "TOO_MANY_ROWS", f"more than {LIMIT:,} units")
                    return
                yield from _row(line, columns, values)
            line = lines.line_num + 1
    except csv.Error as error:
        raise FileError(f"line {lines.line_num}: is no CSV: {error}") from None
    finally:
        text.detach()


def _columns(header: list[str] | None) -> list[str]:
    if not header:
        raise FileError("line 1: the file is empty")
    missing = sorted(REQUIRED - set(header))
    unknown = sorted(set(header) - set(COLUMNS))
    twice = sorted({name for name in header if header.count(name) > 1})
    for names, what in (
        (missing, "is missing"),
        (unknown, "is not known"),
        (twice, "stands twice"),
    ):
        if names:
            shown = ", ".join(repr(name.encode("utf-8", "replace").decode()) for name in names)
            raise FileError(f"line 1: column {shown} {what}")
    return header


def _row(line: int, columns: list[str], values: list[str]) -> Iterator[Unit | BadRow]:
    if len(values) != len(columns):
        text = f"has {len(values)} values where there are {len(columns)} columns"
        yield BadRow(line, "", "row", "WRONG_LENGTH", text)
        return
    yield from unit_or_faults(line, dict(zip(columns, values, strict=True)))


def unit_or_faults(line: int, raw: Mapping[str, str]) -> Iterator[Unit | BadRow]:
    """Yield the unit that the columns say, or everything that is wrong with them."""
    unit_id = raw["id"] if raw["id"].isprintable() and len(raw["id"]) <= 64 else ""
    fields: dict[str, Any] = {}
    bad = False
    for column, value in raw.items():
        try:
            fields[column] = _value(column, value)
        except _BadValueError as error:
            bad = True
            yield BadRow(line, unit_id, column, error.reason, str(error))
    if not bad:
        yield Unit(**fields)


class _BadValueError(ValueError):
    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def _value(column: str, value: str) -> Any:
    if any("\udc80" <= letter <= "\udcff" for letter in value):
        raise _BadValueError("NOT_UTF8", "is not UTF-8; save the whole file as UTF-8")
    if "\x00" in value:
        raise _BadValueError("CONTROL_CHARACTER", "holds a zero byte")
    if value != value.strip():
        raise _BadValueError("BLANKS_AROUND", "begins or ends with a blank")
    if not value and column in MUST_SAY:
        raise _BadValueError("MISSING", "says nothing")
    if column in LISTS:
        return _parts(value)
    read_one = _READERS.get(column)
    return read_one(value) if read_one else value


def _parts(value: str, mark: str = ";") -> tuple[str, ...]:
    if not value:
        return ()
    parts = tuple(value.split(mark))
    if "" in parts:
        raise _BadValueError("EMPTY_ITEM", f"holds an empty item between {mark!r}")
    if len(set(parts)) < len(parts):
        raise _BadValueError("TWICE", "holds an item twice")
    return parts


def _number(value: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{1,12})?", value):
        raise _BadValueError("NOT_A_NUMBER", f"{value[:20]!r} is no number of degrees")
    return float(value)


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise _BadValueError("NOT_TRUE_OR_FALSE", f"{value[:20]!r} is neither true nor false")
    return value == "true"


def _day(value: str) -> str:
    if not _DAY.match(value):
        raise _BadValueError("NOT_A_DAY", f"{value[:20]!r} is no day as 2026-03-01")
    return value


def _external(value: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in _parts(value):
        system, mark, number = part.partition("=")
        if not (system and mark and number):
            raise _BadValueError("NOT_A_PAIR", f"{part[:40]!r} is no system=value")
        pairs.append((system, number))
    if len(dict(pairs)) < len(pairs):
        raise _BadValueError("TWICE", "names a system twice")
    return tuple(sorted(pairs))


def _pieces(part: str, count: int) -> list[str]:
    pieces = part.split("|")
    if len(pieces) != count:
        raise _BadValueError("WRONG_PARTS", f"{part[:40]!r} has not {count} parts between '|'")
    return pieces


def _affiliation(part: str) -> Affiliation:
    owner, since, until = _pieces(part, 3)
    return Affiliation(owner, _day(since), _day(until))


def _capacity(part: str) -> Capacity:
    what, maximum, available, stated_at = _pieces(part, 4)
    if not (maximum.isdecimal() and available.isdecimal()):
        raise _BadValueError("NOT_A_NUMBER", f"{part[:40]!r} counts with something else")
    if not _INSTANT.match(stated_at):
        raise _BadValueError("NOT_AN_INSTANT", "was stated at no instant as 2026-03-01T08:00:00Z")
    return Capacity(what, int(maximum), int(available), stated_at)


def _mandate(part: str) -> Mandate:
    kind, area, role, problems, since, until, by, reference = _pieces(part, 8)
    return Mandate(kind, area, role, _parts(problems, "+"), _day(since), _day(until), by, reference)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "latitude": _number,
    "longitude": _number,
    "is_intake": _truth,
    "suspended": _truth,
    "synthetic": _truth,
    "valid_from": _day,
    "valid_until": _day,
    "external_ids": _external,
    "affiliations": lambda value: tuple(map(_affiliation, _parts(value))),
    "capacity": lambda value: tuple(map(_capacity, _parts(value))),
    "mandates": lambda value: tuple(map(_mandate, _parts(value))),
}


def write(units: Iterable[Unit], file: TextIO) -> int:
    """Write units as `read` reads them, in the order of ids; return how many.

    Raises `FileError` for a text that would be read as something else.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for unit in sorted(units, key=lambda u: u.id):
        writer.writerow([text_of(unit, column) for column in COLUMNS])
        count += 1
    return count


def text_of(unit: Unit, column: str) -> str:
    """Return one field as its column says it."""
    value = getattr(unit, column)
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case str():
            if value.startswith(_FORMULA) and column != "phone":
                raise FileError(f"{unit.id}: {column} begins as a spreadsheet's formula does")
            return value
        case tuple() if column in LISTS:
            return ";".join(value)
        case tuple() if column == "external_ids":
            return ";".join(f"{system}={number}" for system, number in value)
        case _:
            return ";".join("|".join(map(_piece, item)) for item in value)


def _piece(piece: object) -> str:
    return "+".join(piece) if isinstance(piece, tuple) else str(piece)
