"""Every SQL statement of the registry; rows in, units out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from directory.dated import Affiliation, Capacity, Mandate
from directory.model import Unit
from mesh.database import Row, Transaction, Values
from services.registry import tables
from services.registry.domain.review import Shift

_IMPORT_LOCK = 1300
_LISTS = ("roles", "problem_types", "languages", "coverage", "target_groups")
_DATED = {"affiliations": Affiliation, "capacity": Capacity, "mandates": Mandate}
_ROWS_A_STATEMENT = 5_000
_COLUMNS = ", ".join(Unit.__slots__)
_RELEASE = "version, digest, unit_count, released_at, author, reason, approved_by"


@dataclass(frozen=True, slots=True)
class Release:
    """One state of the whole directory, under its number."""

    version: int
    digest: str
    unit_count: int
    released_at: datetime
    author: str = ""
    reason: str = ""
    approved_by: str = ""


async def lock_imports(tx: Transaction) -> None:
    """Wait until no other import is under way, and keep others waiting until the commit."""
    await tx.execute("SELECT pg_advisory_xact_lock(:key)", {"key": _IMPORT_LOCK})


async def newest(tx: Transaction) -> Release | None:
    """Return the release in force, or None before the first."""
    rows = await tx.execute(f"SELECT {_RELEASE} FROM release ORDER BY version DESC LIMIT 1")
    return Release(**rows[0]) if rows else None


async def release_at(tx: Transaction, at: datetime) -> Release | None:
    """Return the release that was in force at an instant, or None before the first."""
    rows = await tx.execute(
        f"SELECT {_RELEASE} FROM release WHERE released_at <= :at ORDER BY version DESC LIMIT 1",
        {"at": at},
    )
    return Release(**rows[0]) if rows else None


async def release_of(tx: Transaction, version: int) -> Release | None:
    """Return one release by its number."""
    rows = await tx.execute(
        f"SELECT {_RELEASE} FROM release WHERE version = :version", {"version": version}
    )
    return Release(**rows[0]) if rows else None


async def history_of(tx: Transaction, unit_id: str) -> list[tuple[Unit, Release, Release | None]]:
    """Return every version of a unit with the releases that brought and ended it, oldest first."""
    rows = await tx.execute(
        f"SELECT since_version, until_version, {_COLUMNS} FROM unit WHERE id = :id"
        " ORDER BY since_version",
        {"id": unit_id},
    )
    versions = {row[name] for row in rows for name in ("since_version", "until_version")}
    found = await tx.execute(
        f"SELECT {_RELEASE} FROM release WHERE version = ANY(CAST(:versions AS bigint[]))",
        {"versions": sorted(version for version in versions if version is not None)},
    )
    releases = {row["version"]: Release(**row) for row in found}
    return [
        (
            unit_from({name: row[name] for name in Unit.__slots__}),
            releases[row["since_version"]],
            releases.get(row["until_version"]),
        )
        for row in rows
    ]


async def units_of(tx: Transaction, version: int) -> Sequence[Row]:
    """Return the units of one release as rows, whatever was released since."""
    return await tx.execute(
        f"SELECT {_COLUMNS} FROM unit WHERE since_version <= :version"
        " AND (until_version IS NULL OR until_version > :version)",
        {"version": version},
    )


async def add_release(tx: Transaction, release: Release) -> None:
    """Insert a release."""
    await tx.execute(
        f"INSERT INTO release ({_RELEASE}) VALUES (:version, :digest, :unit_count, :released_at,"
        " :author, :reason, :approved_by)",
        {
            "version": release.version,
            "digest": release.digest,
            "unit_count": release.unit_count,
            "released_at": release.released_at,
            "author": release.author,
            "reason": release.reason,
            "approved_by": release.approved_by,
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
    for name in _DATED:
        row[name] = json.dumps(row[name]) if row[name] else "[]"
    return {**row, "external_ids": json.dumps(dict(unit.external_ids)), "since_version": version}


@lru_cache(maxsize=1024)
def _as_json(codes: tuple[str, ...]) -> str:
    """Return a list of codes as JSON; few lists differ."""
    return json.dumps(codes)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def unit_from(row: Row | Mapping[str, Any]) -> Unit:
    """Return the unit of a row. Codes are shared: thousands of units repeat them."""
    fields: dict[str, Any] = dict(row)
    for name in _LISTS:
        fields[name] = tuple(map(intern, fields[name]))
    for name in _CODES:
        fields[name] = intern(fields[name])
    for name, kind in _DATED.items():
        fields[name] = tuple(kind(*map(_tuple, item)) for item in fields[name])
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


@dataclass(frozen=True, slots=True)
class Proposal:
    """A directory that waits for a second person."""

    id: UUID
    digest: str
    base_version: int
    unit_count: int
    units: bytes
    author: str
    reason: str
    proposed_at: datetime


_PROPOSAL = "id, digest, base_version, unit_count, units, author, reason, proposed_at"


async def add_proposal(tx: Transaction, proposal: Proposal) -> None:
    """Insert a proposal."""
    await tx.execute(
        f"INSERT INTO proposal ({_PROPOSAL}) VALUES (:id, :digest, :base_version, :unit_count,"
        " :units, :author, :reason, :proposed_at)",
        {name: getattr(proposal, name) for name in Proposal.__slots__},
    )


async def proposal_of(tx: Transaction, proposal_id: UUID) -> Proposal | None:
    """Return a proposal, or None."""
    rows = await tx.execute(f"SELECT {_PROPOSAL} FROM proposal WHERE id = :id", {"id": proposal_id})
    return Proposal(**rows[0]) if rows else None


async def withdraw_shifts(tx: Transaction, unit_ids: Sequence[str], now: datetime) -> int:
    """Withdraw the turns of these units that have not begun; return how many."""
    return await tx.change(
        "UPDATE duty_shift SET withdrawn_at = :now WHERE withdrawn_at IS NULL"
        " AND starts_at > :now AND unit_id = ANY(CAST(:ids AS text[]))",
        {"now": now, "ids": list(unit_ids)},
    )


async def add_shifts(
    tx: Transaction, shifts: Sequence[Shift], *, author: str, reason: str, now: datetime
) -> None:
    """Insert turns of duty."""
    said = {"author": author, "reason": reason, "stated_at": now}
    await tx.insert(
        tables.duty_shift,
        [
            {"id": uuid7(), **{n: getattr(shift, n) for n in Shift.__slots__}, **said}
            for shift in shifts
        ],
    )


async def shifts_at(tx: Transaction, unit_ids: Sequence[str], at: datetime) -> Sequence[Row]:
    """Return the turns that are on at an instant, by rank; the word that came last counts."""
    return await tx.execute(
        "SELECT DISTINCT ON (unit_id, rank)"
        " unit_id, officer, rank, contact, starts_at, ends_at FROM duty_shift"
        " WHERE withdrawn_at IS NULL AND starts_at <= :at AND ends_at > :at"
        " AND unit_id = ANY(CAST(:ids AS text[]))"
        " ORDER BY unit_id, rank, stated_at DESC, id DESC",
        {"at": at, "ids": list(unit_ids)},
    )
