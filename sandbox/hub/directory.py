"""Puts the sandbox's national directory in force: `python -m sandbox.hub.directory`.

It makes the units while the registry is still starting. First it gives each replica that has no
copy of its own yet one to begin with, so that nobody waits for the registry; then it sends the
units, but only when others are in force: a restart should not wait for an import.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

import grpc.aio

from directory import archive
from directory.model import Snapshot, Unit, digest_of
from directory.releasing import import_units
from mesh.config import ProcessSettings
from mesh.errors import SongtorError
from mesh.identity import Identity
from mesh.rpc import call, channel
from sandbox.national import national_units
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

REGISTRY_WITHIN = 50.0
FIRST_RELEASE = 1


class Settings(ProcessSettings):
    """What this job is told."""

    directory_copies: str = ""
    """Files to write for the replicas, separated as in PATH."""


def write_copies(paths: Iterable[Path], units: tuple[Unit, ...], digest: str) -> None:
    """Write the directory as its first release; a replica that has a copy keeps that."""
    missing = [path for path in paths if not path.exists()]
    if missing:
        snapshot = Snapshot.of(FIRST_RELEASE, units, digest=digest)
        for path in missing:
            archive.write(snapshot, path)


async def release(settings: ProcessSettings, units: tuple[Unit, ...], digest: str) -> None:
    """Import `units` unless they are in force already."""
    opened = channel(settings.registry_address, Identity(settings.identity_dir), service="registry")
    async with opened:
        async with asyncio.timeout(REGISTRY_WITHIN):
            await opened.channel_ready()
        if await _in_force(opened, units[0]) != digest:
            await import_units(
                opened, units, author="sandbox", reason="the sandbox's synthetic directory"
            )


async def _in_force(opened: grpc.aio.Channel, unit: Unit) -> str:
    """Return the digest of the release that holds `unit`, or nothing."""
    stub = registry_pb2_grpc.RegistryServiceStub(opened)
    try:
        answer = await call(stub.GetUnit, registry_pb2.GetUnitRequest(unit_id=unit.id))
    except SongtorError:
        return ""  # none yet, or a registry in trouble: the import will find out which
    return answer.release.digest


def main() -> None:
    """Read the settings and do it."""
    settings, units = Settings(), national_units()
    digest = digest_of(units)
    write_copies(map(Path, settings.directory_copies.split(os.pathsep)), units, digest)
    asyncio.run(release(settings, units, digest))


if __name__ == "__main__":
    main()
