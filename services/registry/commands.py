"""Releasing a directory: all of it or nothing, checked first, every change kept."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from uuid_utils.compat import uuid7

from directory.model import Unit, digest_of
from directory.wire import unit_from, unit_to
from mesh import audit
from mesh.audit import Leaf
from mesh.database import Transaction
from mesh.errors import InvalidArgumentError, NotFoundError
from mesh.messaging import Event
from mesh.outbox import Outbox
from services.registry import storage, wire
from services.registry.domain.faults import Codes, faults
from services.registry.domain.review import Signed
from services.registry.storage import Proposal, Release
from songtor.registry.v1 import registry_pb2

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
    signed: Signed,
    *,
    before: Release | None,
    old: Sequence[Unit],
    now: datetime,
) -> Release:
    """Put a checked directory in force, in the caller's transaction, which holds the import lock.

    `before` and `old` are the release in force and its units. Nothing is deleted: a unit's earlier
    version ends where the new one begins.
    """
    was = {unit.id: unit for unit in old}
    new = {unit.id: unit for unit in units}
    begun = [unit for unit in units if was.get(unit.id) != unit]
    ended = [unit_id for unit_id, unit in was.items() if new.get(unit_id) != unit]
    after = Release(
        (before.version if before else 0) + 1,
        digest,
        len(units),
        now,
        signed.author,
        signed.reason,
        signed.approved_by,
    )
    await storage.add_release(tx, after)
    await storage.end_units(tx, ended, after.version)
    await storage.begin_units(tx, begun, after.version)
    await outbox.append(tx, [Event(uuid7(), "registry.v1.released", wire.released(after))])
    facts: dict[str, str | int | bool | None] = {
        "digest": digest,
        "begun": len(begun),
        "ended": len(ended),
        "gaps_overridden": bool(signed.override_reason),
    }
    leaf = Leaf(
        actor=signed.importer,
        action="directory_released",
        subject_id=str(after.version),
        facts=facts,
    )
    await audit.append(tx, [leaf], now=now)
    return after


async def propose(
    tx: Transaction,
    units: Sequence[Unit],
    digest: str,
    signed: Signed,
    *,
    base: Release | None,
    now: datetime,
) -> Proposal:
    """Keep a checked directory for a second person, in the caller's transaction."""
    message = registry_pb2.GetSnapshotResponse(units=map(unit_to, units))
    proposal = Proposal(
        id=uuid7(),
        digest=digest,
        base_version=base.version if base else 0,
        unit_count=len(units),
        units=zlib.compress(message.SerializeToString(), 1),
        author=signed.author,
        reason=signed.reason,
        proposed_at=now,
    )
    await storage.add_proposal(tx, proposal)
    leaf = Leaf(
        actor=signed.importer,
        action="directory_proposed",
        subject_id=str(proposal.id),
        facts={"digest": digest, "base": proposal.base_version},
    )
    await audit.append(tx, [leaf], now=now)
    return proposal


async def proposed(tx: Transaction, proposal_id: str) -> tuple[Proposal, list[Unit]]:
    """Return a proposal and its units."""
    try:
        found = await storage.proposal_of(tx, UUID(proposal_id))
    except ValueError:
        found = None
    if found is None:
        raise NotFoundError("there is no such proposal", reason="NO_SUCH_PROPOSAL")
    message = registry_pb2.GetSnapshotResponse.FromString(zlib.decompress(found.units))
    return replace(found, units=b""), [unit_from(unit) for unit in message.units]
