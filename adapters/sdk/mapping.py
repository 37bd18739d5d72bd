"""An agency's map: a data file that says where each of our fields goes and what each code means.

Every field of a delivery stands in it: `to` names its place at the agency, `lost` says why there is
none, so that a value is recorded as a loss and can never be forgotten, and `kept` says why it is
the hub's own business. Codes are tables of rows; a code that would read back as two different ones
must say that it is written only (`only: out`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from adapters.sdk.errors import PermanentError
from adapters.sdk.model import Delivery, Person, SafeContact


class MapError(Exception):
    """The map contradicts itself or does not cover our fields; the adapter does not start."""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Codes of one kind, both ways."""

    name: str
    out: Mapping[str, str]
    back: Mapping[str, str]

    def theirs(self, ours: str) -> str:
        """Return the agency's code, or refuse for good: a code is never made up."""
        try:
            return self.out[ours]
        except KeyError:
            raise PermanentError(f"NO_CODE_{self.name.upper()}") from None

    def theirs_if_any(self, ours: str) -> str:
        """Return the agency's code, or nothing: for a field that `losses` then names."""
        return self.out.get(ours, "")

    def ours(self, theirs: str) -> str:
        """Return our code, or nothing when the agency's is not in the table."""
        return self.back.get(theirs, "")


@dataclass(frozen=True, slots=True)
class AgencyMap:
    """The whole map of one agency."""

    agency: str
    standard: str
    lost: tuple[str, ...]
    coded: Mapping[str, str]
    tables: Mapping[str, CodeTable]

    def table(self, name: str) -> CodeTable:
        """Return a table by its name."""
        return self.tables[name]

    def losses(self, delivery: Delivery) -> tuple[str, ...]:
        """Return the names of the fields that hold a value and have no place at the agency.

        A field that names its `codes` is lost too when its code is not in that table.
        """
        lost = [name for name in self.lost if any(_values(delivery, name))]
        for name, table in self.coded.items():
            if any(
                value and value not in self.tables[table].out for value in _values(delivery, name)
            ):
                lost.append(name)
        return tuple(lost)


def load_map(path: Path) -> AgencyMap:
    """Read a map and check it whole."""
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    listed: dict[str, dict[str, str]] = content["fields"]
    if listed.keys() != our_fields():
        wrong = sorted(listed.keys() ^ our_fields())
        raise MapError(f"{path.name}: fields missing or unknown: {', '.join(wrong)}")
    for name, entry in listed.items():
        if len(entry.keys() & {"to", "lost", "kept"}) != 1 or not all(entry.values()):
            raise MapError(f"{path.name}: {name} needs one of to, lost and kept")
    tables = {name: _table(name, rows) for name, rows in content["codes"].items()}
    lost = tuple(name for name, entry in listed.items() if "lost" in entry)
    coded = {name: entry["codes"] for name, entry in listed.items() if "codes" in entry}
    if unknown := set(coded.values()) - tables.keys():
        raise MapError(f"{path.name}: no such table: {', '.join(sorted(unknown))}")
    return AgencyMap(content["agency"], content["standard"], lost, coded, tables)


def our_fields() -> frozenset[str]:
    """Return the names of all fields of a delivery, parts with a dot."""
    names = {field.name for field in fields(Delivery)} - {"people", "safe_contact"}
    names |= {f"people.{field.name}" for field in fields(Person)}
    names |= {f"safe_contact.{field.name}" for field in fields(SafeContact)}
    return frozenset(names)


def _table(name: str, rows: Sequence[Mapping[str, str]]) -> CodeTable:
    out: dict[str, str] = {}
    back: dict[str, str] = {}
    for row in rows:
        only = row.get("only", "")
        if only not in ("", "out", "back"):
            raise MapError(f"{name}: only is out or back, not {only}")
        if only != "back":
            _put(out, row["ours"], row["theirs"], f"{name}: two codes for our {row['ours']}")
        if only != "out":
            _put(back, row["theirs"], row["ours"], f"{name}: two readings of {row['theirs']}")
    return CodeTable(name, out, back)


def _put(table: dict[str, str], key: str, value: str, complaint: str) -> None:
    if key in table:
        raise MapError(complaint)
    table[key] = value


def _values(delivery: Delivery, name: str) -> list[Any]:
    part, _, field = name.partition(".")
    if not field:
        return [getattr(delivery, part)]
    if part == "people":
        return [getattr(person, field) for person in delivery.people]
    return [getattr(delivery.safe_contact, field)]
