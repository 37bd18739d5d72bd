"""Where a command reads a directory: the shipped one, a file, or a registry that runs."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from directory.exchange import hsds, rows
from directory.exchange.rows import BadRow, FileError
from directory.model import Snapshot, Unit, digest_of
from directory.wire import unit_from
from mesh.identity import Identity
from mesh.rpc import channel
from sandbox.hub.layout import Layout
from sandbox.hub.running import Running, usual_folder
from sandbox.national import national_units
from sandbox.supervisor.state import StateFolder
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

SHOWN = 1_000
"""How many bad rows are printed; all are counted."""
LOAD_SECONDS = 60.0


class NoRegistryError(RuntimeError):
    """No registry is named and none runs here."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a file held."""

    units: tuple[Unit, ...]
    bad: int


def shipped() -> Snapshot:
    """Return the sandbox's directory: the one that is shipped."""
    units = national_units()
    return Snapshot.of(0, units)


def read_file(path: Path) -> Read:
    """Read CSV or HSDS; every bad row goes to stderr. Raises `FileError` for no such format."""
    if path.suffix == ".json":
        return _read(hsds.read(path.read_bytes()))
    try:
        with path.open("rb") as file:
            return _read(rows.read(file))
    except OSError as error:
        raise FileError(f"{path.name}: cannot be read: {error.strerror}") from None


def _read(items: Iterable[Unit | BadRow]) -> Read:
    units: list[Unit] = []
    bad = 0
    for item in items:
        if isinstance(item, BadRow):
            bad += 1
            if bad <= SHOWN:
                sys.stderr.write(f"{item}\n")
        else:
            units.append(item)
    if bad > SHOWN:
        sys.stderr.write(f"and {bad - SHOWN:,} more\n")
    return Read(tuple(units), bad)


@asynccontextmanager
async def registry(data: Path | None) -> AsyncIterator[grpc.aio.Channel]:
    """Connect to the registry that the environment names, else to the sandbox's on this machine."""
    address = os.environ.get("SONGTOR_REGISTRY_ADDRESS", "")
    folder = os.environ.get("SONGTOR_IDENTITY_DIR", "")
    if address:
        identity = Identity(Path(folder)) if folder else None
    else:
        running = Running.from_folder(StateFolder(data or usual_folder()))
        if running is None or not running.registry:
            raise NoRegistryError("no registry: set SONGTOR_REGISTRY_ADDRESS or run songtor up")
        address = running.registry
        identity = Identity(Layout(running.folder).identities / "tool-operator")
    async with channel(address, identity, service="registry") as opened:
        yield opened


async def released(opened: grpc.aio.Channel, version: int = 0) -> Snapshot:
    """Return a release of a registry; 0 is the one in force."""
    stub = registry_pb2_grpc.RegistryServiceStub(opened)
    units: list[Unit] = []
    release = registry_pb2.Release()
    request = registry_pb2.GetSnapshotRequest(version=version)
    async for chunk in stub.GetSnapshot(request, timeout=LOAD_SECONDS):
        if chunk.HasField("release"):
            release = chunk.release
        units.extend(map(unit_from, chunk.units))
    return Snapshot.of(release.version, units, digest=release.digest)


def snapshot_of(units: Sequence[Unit]) -> Snapshot:
    """Return a snapshot of units that no registry has released."""
    return Snapshot.of(0, units, digest=digest_of(units))
