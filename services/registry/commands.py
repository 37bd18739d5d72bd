"""Releasing a directory: all of it or nothing, checked first, every change kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from uuid_utils.compat import uuid7

from directory.model import Unit, digest_of
from mesh import audit
from mesh.audit import Leaf
from mesh.database import Transaction
from mesh.errors import InvalidArgumentError
from mesh.messaging import Event
from mesh.outbox import Outbox
from services.registry import storage, wire
from services.registry.domain.faults import Codes, faults
from services.registry.storage import Release

SHOWN = 100
"""How many faults a refusal lists: enough to see what is wrong with the file."""


def check(units: Sequence[Unit], codes: Codes) -> str:
    """Return the digest of a directory that may be released; refuse any other."""
    found = list(islice(faults(units, codes), SHOWN))
    if found:
        raise InvalidArgumentError(
            "the directory cannot be released as it is",
            reason="FAULTY_DIRECTORY",
            violations=found,
        )
    return digest_of(units)


async def release(
    tx: Transaction,
    outbox: Outbox,
    units: Sequence[Unit],
    digest: str,
    *,
    importer: str,
    author: str,
    reason: str,
    now: datetime,
) -> Release:
    """Put a checked directory in force, in the caller's transaction.

    The directory that is in force already keeps its version. Nothing is deleted: a unit's earlier
    version ends where the new one begins.
    """
    await storage.lock_imports(tx)
    before = await storage.newest(tx)
    if before is not None and before.digest == digest:
        return before
    rows = await storage.units_of(tx, before.version) if before else ()
    old = {row["id"]: storage.unit_from(row) for row in rows}
    new = {unit.id: unit for unit in units}
    begun = [unit for unit in units if old.get(unit.id) != unit]
    ended = [unit_id for unit_id, unit in old.items() if new.get(unit_id) != unit]
    after = Release((before.version if before else 0) + 1, digest, len(units), now)
    await storage.add_release(tx, after, author=author, reason=reason)
    await storage.end_units(tx, ended, after.version)
    await storage.begin_units(tx, begun, after.version)
    await outbox.append(tx, [Event(uuid7(), "registry.v1.released", wire.released(after))])
    await audit.append(
        tx,
        [
            Leaf(
                actor=importer,
                action="directory_released",
                subject_id=str(after.version),
                facts={"digest": digest, "begun": len(begun), "ended": len(ended)},
            )
        ],
        now=now,
    )
    return after
