"""Puts the sandbox's national directory in force: `python -m sandbox.hub.directory`.

It makes the units while the registry is still starting, and sends them only when others are in
force: an import is safe to repeat, but a restart should not wait for one.
"""

from __future__ import annotations

import asyncio

import grpc.aio

from directory.model import Unit, digest_of
from directory.releasing import import_units
from mesh.config import ProcessSettings
from mesh.errors import SongtorError
from mesh.identity import Identity
from mesh.rpc import call, channel
from sandbox.national import national_units
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

REGISTRY_WITHIN = 50.0


async def release(settings: ProcessSettings, units: tuple[Unit, ...]) -> None:
    """Import `units` unless they are in force already."""
    digest = digest_of(units)
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
    asyncio.run(release(ProcessSettings(), national_units()))


if __name__ == "__main__":
    main()
