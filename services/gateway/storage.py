"""Every SQL statement of the gateway: API keys, as hashes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from mesh.database import Row, Transaction

api_key = sa.Table(
    "api_key",
    sa.MetaData(),
    sa.Column("key_id", sa.Uuid),
    sa.Column("digest", sa.LargeBinary),
    sa.Column("client", sa.Text),
    sa.Column("scopes", JSONB),
    sa.Column("created_at", sa.DateTime(timezone=True)),
)


async def add(
    tx: Transaction,
    *,
    key_id: UUID,
    digest: bytes,
    client: str,
    scopes: Sequence[str],
    now: datetime,
) -> None:
    """Insert a key."""
    await tx.insert(
        api_key,
        [
            {
                "key_id": key_id,
                "digest": digest,
                "client": client,
                "scopes": json.dumps(list(scopes)),
                "created_at": now,
            }
        ],
    )


async def listed(tx: Transaction) -> Sequence[Row]:
    """Return all keys, oldest first, without their hashes."""
    return await tx.execute(
        "SELECT key_id, client, scopes, created_at, revoked_at FROM api_key ORDER BY created_at"
    )


async def good(tx: Transaction) -> Sequence[Row]:
    """Return the keys that have not been revoked."""
    return await tx.execute("SELECT digest, client, scopes FROM api_key WHERE revoked_at IS NULL")


async def revoke(tx: Transaction, key_id: UUID, *, now: datetime) -> bool:
    """Revoke a key; False when there is none or it was revoked before."""
    changed = await tx.change(
        "UPDATE api_key SET revoked_at = :now WHERE key_id = :key_id AND revoked_at IS NULL",
        {"key_id": key_id, "now": now},
    )
    return changed == 1
