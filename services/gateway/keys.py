"""API keys: made here, shown once, kept as hashes, read by the gateway every few seconds.

    python -m services.gateway.keys create --client shelter-cm --scope agency:msdhs
    python -m services.gateway.keys create --client line --scope door:line_ess --scope door:website
    python -m services.gateway.keys list
    python -m services.gateway.keys revoke KEY_ID

Scopes: `door:<channel>`, `agency:<code>`, `operator`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from mesh import audit
from mesh.audit import Leaf
from mesh.clock import Clock, open_clock
from mesh.database import Database, Row
from mesh.errors import NotFoundError, UnauthenticatedError, UnavailableError
from services.gateway import storage
from services.gateway.config import Settings
from services.gateway.domain import access
from services.gateway.domain.access import Principal

log = structlog.get_logger(__name__)

_PREFIX = "songtor_"
_REFRESH_SECONDS = 5.0
_ASK_AGAIN_SECONDS = 1.0


def digest(key: str) -> bytes:
    """Return what is kept of a key. It has 256 random bits, so that no salt is needed."""
    return hashlib.sha256(key.encode()).digest()


async def create(database: Database, *, client: str, scopes: Sequence[str], now: datetime) -> str:
    """Make a key and return it: it is nowhere to be read afterwards.

    `client` names who uses it and stays the same over that client's keys: receipts are repeated per
    client.
    """
    access.principal(client, scopes)
    key, key_id = _PREFIX + secrets.token_urlsafe(32), uuid4()
    async with database.transaction() as tx:
        await storage.add(
            tx, key_id=key_id, digest=digest(key), client=client, scopes=scopes, now=now
        )
        facts = {"client": client, "scopes": " ".join(scopes)}
        await audit.append(tx, [Leaf("tool/keys", "api_key_created", str(key_id), facts)], now=now)
    return key


async def listed(database: Database) -> Sequence[Row]:
    """Return every key's id, client, scopes and dates; never the key."""
    async with database.transaction() as tx:
        return await storage.listed(tx)


async def revoke(database: Database, key_id: UUID, *, now: datetime) -> None:
    """Take a key back; gateways notice within seconds."""
    async with database.transaction() as tx:
        if not await storage.revoke(tx, key_id, now=now):
            raise NotFoundError("no good key has this id", reason="NO_SUCH_KEY")
        await audit.append(tx, [Leaf("tool/keys", "api_key_revoked", str(key_id), {})], now=now)


class KeyRing:
    """The good keys in memory. PostgreSQL away: what was known stays good."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, Principal] = {}
        self._read_at = float("-inf")

    async def read(self) -> None:
        """Read all good keys."""
        async with self._database.transaction() as tx:
            rows = await storage.good(tx)
        self._known = {
            row["digest"]: access.principal(row["client"], row["scopes"]) for row in rows
        }
        self._read_at = time.monotonic()

    async def keep_reading(self) -> None:
        """For ever: read the keys again every few seconds."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            try:
                await self.read()
            except UnavailableError as error:
                log.warning("keys_not_read", reason=error.reason)

    async def principal(self, key: str) -> Principal:
        """Return who the key is of, or raise `UnauthenticatedError`."""
        wanted = digest(key)
        known = self._known.get(wanted)
        if known is None and time.monotonic() - self._read_at > _ASK_AGAIN_SECONDS:
            # Perhaps it was made a moment ago.
            await self.read()
            known = self._known.get(wanted)
        if known is None:
            raise UnauthenticatedError("this key is not known", reason="UNKNOWN_KEY")
        return known


async def _run(arguments: argparse.Namespace, settings: Settings, clock: Clock) -> list[str]:
    database = Database(settings.database_url.get_secret_value(), schema="gateway", pool_size=1)
    try:
        match arguments.command:
            case "create":
                key = await create(
                    database, client=arguments.client, scopes=arguments.scope, now=clock.now()
                )
                return [key]
            case "revoke":
                await revoke(database, arguments.key_id, now=clock.now())
                return [f"{arguments.key_id} revoked"]
            case _:
                return [_line(row) for row in await listed(database)]
    finally:
        await database.close()


def _line(row: Row) -> str:
    state = f"revoked {row['revoked_at']:%Y-%m-%d}" if row["revoked_at"] else "good"
    scopes = " ".join(row["scopes"])
    return f"{row['key_id']}  {row['created_at']:%Y-%m-%d}  {state}  {row['client']}  {scopes}"


def main(words: Sequence[str]) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="services.gateway.keys", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("create", help="make a key and print it, once")
    made.add_argument("--client", required=True, help="who uses it")
    made.add_argument("--scope", required=True, action="append", help="what it may do")
    commands.add_parser("list", help="print all keys' ids and scopes")
    taken = commands.add_parser("revoke", help="take a key back")
    taken.add_argument("key_id", type=UUID)
    arguments = parser.parse_args(words)
    settings = Settings()
    lines = asyncio.run(_run(arguments, settings, open_clock(settings.clock_file)))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
