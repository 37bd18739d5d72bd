"""A snapshot kept in a file, so that a process can start while the registry is away."""

from __future__ import annotations

import json
from pathlib import Path

from directory.dated import Affiliation, Capacity, Mandate
from directory.model import Snapshot, Unit, canonical, digest_of


def write(snapshot: Snapshot, path: Path) -> None:
    """Write the snapshot beside `path`, then put it in its place whole."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        header = {"version": snapshot.version, "digest": snapshot.digest}
        file.write(json.dumps(header).encode() + b"\n")
        file.writelines(canonical(snapshot.units.values()))
    unfinished.replace(path)


def read(path: Path) -> Snapshot | None:
    """Return the snapshot in `path`, or None when there is none or it is not whole."""
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        said = json.loads(header)
        units = [_unit(json.loads(line)) for line in lines]
        if digest_of(units) == said["digest"]:
            return Snapshot.of(said["version"], units, digest=said["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # whatever is wrong with it, the registry has a better one
    return None


def _unit(fields: list[object]) -> Unit:
    """Return the unit of one canonical line: JSON has lists where units have tuples."""
    values = dict(zip(Unit.__slots__, map(_tuple, fields), strict=False))
    for name, kind in (
        ("affiliations", Affiliation),
        ("capacity", Capacity),
        ("mandates", Mandate),
    ):
        values[name] = tuple(kind(*item) for item in values.get(name, ()))  # type: ignore[attr-defined]  # digest vouches
    return Unit(**values)  # type: ignore[arg-type]  # digest vouches


def _tuple(field: object) -> object:
    return tuple(_tuple(item) for item in field) if isinstance(field, list) else field
