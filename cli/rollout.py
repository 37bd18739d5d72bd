"""What a version of the hub needs before its processes start: roles, tables, streams, consumers.

Found by looking at the rooms, so that a new service or adapter is covered on the day it appears.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import adapters
import services
from adapters.sdk import topology as adapter_topology
from mesh import topology
from mesh.identity import Identity, spiffe_id
from mesh.messaging import connect
from mesh.topology import Durable, Grant, Stream, inbox_prefix

NO_PROCESS = frozenset({"sdk", "faulty"})


@dataclass(frozen=True, slots=True)
class Rollout:
    """Everything to make, by the rooms that need it."""

    schemas: Mapping[str, Path]
    """Each schema and the folder of its migrations."""
    streams: tuple[Stream, ...]
    durables: tuple[Durable, ...]
    grants: tuple[Grant, ...]

    @classmethod
    def of_this_version(cls) -> Rollout:
        """Look at every room."""
        rooms = [_topology(name) for name in service_names()]
        agencies = agency_names()
        ledgers = _folder(adapter_topology) / "migrations"
        return cls(
            schemas={
                **_service_schemas(),
                **{adapter_topology.schema(agency): ledgers for agency in agencies},
            },
            streams=tuple(stream for room in rooms for stream in room.STREAMS),
            durables=(
                *(durable for room in rooms for durable in room.DURABLES),
                *(adapter_topology.durable(agency) for agency in agencies),
            ),
            grants=(
                *(room.GRANT for room in rooms),
                *(adapter_topology.agency_grant(agency) for agency in agencies),
                migrations_grant(),
            ),
        )


def service_names() -> list[str]:
    """Return every service."""
    return sorted(found.name for found in pkgutil.iter_modules(services.__path__) if found.ispkg)


def agency_names() -> list[str]:
    """Return every agency that has an adapter of its own."""
    found = (found.name for found in pkgutil.iter_modules(adapters.__path__) if found.ispkg)
    return sorted(name for name in found if name not in NO_PROCESS)


def migrations_grant() -> Grant:
    """Return what the migrations need on the broker: to make streams and consumers, no more."""
    identity = spiffe_id("tool", "migrate")
    return Grant(identity, ("$JS.API.>",), (f"{inbox_prefix(identity)}.>",))


async def prepare_database(admin_url: str, rollout: Rollout, passwords: Mapping[str, str]) -> None:
    """Make roles and schemas and bring every schema to its head; safe to repeat."""
    # Who only asks what there is to make need not wait for what makes it.
    from mesh import migrate  # noqa: PLC0415

    await migrate.provision(admin_url, passwords)
    for schema, folder in rollout.schemas.items():
        await migrate.upgrade(admin_url, schema, folder)


async def prepare_broker(url: str, identity: Identity, rollout: Rollout, *, replicas: int) -> None:
    """Make or update every stream and consumer; safe to repeat, deletes nothing."""
    bus = await connect(url, identity)
    try:
        await topology.apply(bus.jetstream, rollout.streams, rollout.durables, replicas=replicas)
    finally:
        await bus.close()


def _service_schemas() -> dict[str, Path]:
    folders = {
        name: Path(folder) / name / "migrations"
        for folder in services.__path__
        for name in service_names()
    }
    return {name: folder for name, folder in folders.items() if any(folder.glob("*.py"))}


def _topology(service: str) -> ModuleType:
    return importlib.import_module(f"services.{service}.topology")


def _folder(module: ModuleType) -> Path:
    if module.__file__ is None:
        raise ImportError(f"{module.__name__} has no file")
    return Path(module.__file__).parent
