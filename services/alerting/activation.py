"""Escalation policies come into force when two persons said so. Once one was approved, an engine
that runs another is not ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256

from mesh import audit
from mesh.audit import Leaf
from mesh.database import Database, Transaction
from mesh.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from services.alerting.tables import policy_version


async def propose(tx: Transaction, body: bytes, *, by: str, now: datetime) -> str:
    """Keep a policy file as somebody proposed it; return its digest. Again it is the same."""
    digest = sha256(body).hexdigest()
    await tx.insert(
        policy_version,
        [
            {
                "digest": digest,
                "body": body.decode(),
                "proposed_by": by,
                "proposed_at": now,
            }
        ],
        tail="ON CONFLICT DO NOTHING",
    )
    await audit.append(tx, [Leaf(by, "policy_proposed", digest, {})], now=now)
    return digest


async def approve(tx: Transaction, digest: str, *, by: str, now: datetime) -> None:
    """Let a second person bring a proposed policy into force."""
    found = await tx.execute(
        "SELECT proposed_by FROM policy_version WHERE digest = :digest FOR UPDATE",
        {"digest": digest},
    )
    if not found:
        raise NotFoundError("nobody proposed this policy", reason="NO_SUCH_POLICY")
    if found[0]["proposed_by"] == by:
        raise PermissionDeniedError("who proposed it cannot approve it", reason="TWO_PERSONS")
    await tx.change(
        "UPDATE policy_version SET approved_by = :by, approved_at = :now WHERE digest = :digest",
        {"by": by, "now": now, "digest": digest},
    )
    await audit.append(tx, [Leaf(by, "policy_approved", digest, {})], now=now)


async def in_force(tx: Transaction) -> str | None:
    """Return the digest of the policy approved last; None before the first approval."""
    found = await tx.execute(
        "SELECT digest FROM policy_version WHERE approved_at IS NOT NULL"
        " ORDER BY approved_at DESC LIMIT 1"
    )
    return str(found[0]["digest"]) if found else None


def check(database: Database, digest: str) -> Callable[[], Awaitable[None]]:
    """Return the readiness check of an engine that runs the policy of this digest."""

    async def approved() -> None:
        async with database.transaction() as tx:
            wanted = await in_force(tx)
        if wanted is not None and wanted != digest:
            raise FailedPreconditionError(
                "two persons approved another policy than the one that runs here",
                reason="POLICY_NOT_APPROVED",
            )

    return approved
