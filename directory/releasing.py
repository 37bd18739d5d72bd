"""Sending a whole new directory to the registry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import grpc.aio

from directory.model import Unit
from directory.wire import unit_to
from mesh.rpc import call
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

CHUNK = 500


async def import_units(
    channel: grpc.aio.Channel,
    units: Sequence[Unit],
    *,
    author: str,
    reason: str,
    approved_by: str = "",
    override_reason: str = "",
    timeout: float = 60.0,
) -> registry_pb2.Release:
    """Replace the directory, all or nothing, and return the release that is now in force.

    Safe to repeat: the same units are the same release.
    """

    async def chunks() -> AsyncIterator[registry_pb2.ImportUnitsRequest]:
        yield registry_pb2.ImportUnitsRequest(
            author=author, reason=reason, approved_by=approved_by, override_reason=override_reason
        )
        for start in range(0, len(units), CHUNK):
            part = [unit_to(unit) for unit in units[start : start + CHUNK]]
            yield registry_pb2.ImportUnitsRequest(units=part)

    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    answer = await call(stub.ImportUnits, chunks(), timeout=timeout)
    return answer.release


async def propose_release(
    channel: grpc.aio.Channel,
    units: Sequence[Unit],
    *,
    author: str,
    reason: str,
    timeout: float = 60.0,
) -> registry_pb2.ProposeReleaseResponse:
    """Lay a directory before a second person, and return what it would change."""

    async def chunks() -> AsyncIterator[registry_pb2.ProposeReleaseRequest]:
        yield registry_pb2.ProposeReleaseRequest(author=author, reason=reason)
        for start in range(0, len(units), CHUNK):
            part = [unit_to(unit) for unit in units[start : start + CHUNK]]
            yield registry_pb2.ProposeReleaseRequest(units=part)

    stub = registry_pb2_grpc.RegistryServiceStub(channel)
    return await call(stub.ProposeRelease, chunks(), timeout=timeout)
