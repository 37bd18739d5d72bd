"""Every SQL statement of the registry; rows in, units out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any

from directory.model import Unit
from mesh.database import Row, Transaction, Values
from services.registry import tables

_IMPORT_LOCK = 1300
_LISTS = ("roles", "problem_types", "languages", "coverage")
_ROWS_A_STATEMENT = 5_000
_COLUMNS = ", ".join(Unit.__slots__)


@dataclass(frozen=True, slots=True)
class Release:
    """One state of the whole directory, under its number."""

    version: int
    digest: str
    unit_count: int
    released_at: datetime


async def lock_imports(tx: Transaction) -> None:
    """Wait until no other import is under way, and keep others waiting until the commit."""
    await tx.execute("SELECT pg_advisory_xact_lock(:key)", {"key": _IMPORT_LOCK})


async def newest(tx: Transaction) -> Release | None:
    """Return the release in force, or None before the first."""
    rows = await tx.execute(
        "SELECT version, digest, unit_count, released_at FROM release ORDER BY version DESC LIMIT 1"
    )
    return Release(**rows[0]) if rows else None


async def units_of(tx: Transaction, version: int) -> Sequence[Row]:
    """Return the units of one release as rows, whatever was released since."""
    return await tx.execute(
        f"SELECT {_COLUMNS} FROM unit WHERE since_version <= :version"
        " AND (until_version IS NULL OR until_version > :version)",
        {"version": version},
    )


async def add_release(tx: Transaction, release: Release, *, author: str, reason: str) -> None:
    """Insert a release."""
    await tx.execute(
        "INSERT INTO release (version, digest, unit_count, released_at, author, reason)"
        " VALUES (:version, :digest, :unit_count, :released_at, :author, :reason)",
        {
            "version": release.version,
            "digest": release.digest,
            "unit_count": release.unit_count,
            "released_at": release.released_at,
            "author": author,
            "reason": reason,
        },
    )


async def end_units(tx: Transaction, ids: Iterable[str], version: int) -> None:
    """End the versions in force of these units: from `version` on they are not, or not so."""
    await tx.change(
        "UPDATE unit SET until_version = :version"
        " WHERE until_version IS NULL AND id = ANY(CAST(:ids AS text[]))",
        {"version": version, "ids": list(ids)},
    )


async def begin_units(tx: Transaction, units: Sequence[Unit], version: int) -> None:
    """Insert new versions of units, in force from `version` on."""
    for start in range(0, len(units), _ROWS_A_STATEMENT):
        part = units[start : start + _ROWS_A_STATEMENT]
        await tx.insert(tables.unit, [_row(unit, version) for unit in part])


def _row(unit: Unit, version: int) -> Values:
    row: dict[str, Any] = {name: getattr(unit, name) for name in Unit.__slots__}
    for name in _LISTS:
        row[name] = _as_json(row[name])
    return {**row, "external_ids": json.dumps(dict(unit.external_ids)), "since_version": version}


@lru_cache(maxsize=1024)
def _as_json(codes: tuple[str, ...]) -> str:
    """Return a list of codes as JSON; few lists differ."""
    return json.dumps(codes)


def unit_from(row: Row) -> Unit:
    """Return the unit of a row. Codes are shared: thousands of units repeat them."""
    fields: dict[str, Any] = dict(row)
    for name in _LISTS:
        fields[name] = tuple(map(intern, fields[name]))
    for name in _CODES:
        fields[name] = intern(fields[name])
    fields["external_ids"] = tuple(sorted(fields["external_ids"].items()))
    return Unit(**fields)


_CODES = (
    "agency",
    "ministry",
    "affiliation",
    "unit_type",
    "province",
    "district",
    "subdistrict",
    "hours",
    "adapter",
    "tier",
)
