"""The bare floor under intake: raw ASGI, group commit, one row and one outbox row a report.

    python -m bench.floor PORT DATABASE_URL

The same HTTP server and the same durable PostgreSQL as the hub, and nothing between: no model, no
rule, no encryption, no second process. Both rows of a batch are two statements in one transaction.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from uuid_utils.compat import uuid7

from mesh import asgi
from mesh.batching import GroupCommit

TABLES = """
    CREATE SCHEMA IF NOT EXISTS floor;
    CREATE TABLE IF NOT EXISTS floor.report (
        report_id uuid PRIMARY KEY, idempotency_key text NOT NULL UNIQUE, body bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS floor.outbox (
        event_id uuid PRIMARY KEY, subject text NOT NULL, payload bytea NOT NULL);
"""
REPORT = "INSERT INTO floor.report SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])"
OUTBOX = """
    INSERT INTO floor.outbox
    SELECT id, 'case.v1.reported.normal', payload FROM unnest($1::uuid[], $2::bytea[])
    AS new(id, payload)
"""
Item = tuple[str, bytes]


class Floor:
    """The ASGI application."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.group: GroupCommit[Item, UUID] = GroupCommit(self._store)

    async def _store(self, items: Sequence[Item]) -> list[UUID]:
        ids = [uuid7() for _ in items]
        keys, bodies = [item[0] for item in items], [item[1] for item in items]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(REPORT, ids, keys, bodies)
            # An event is about as long as the part of a report that is announced.
            await connection.execute(OUTBOX, ids, [body[:500] for body in bodies])
        return ids

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take a body, store it, answer."""
        key = dict(scope["headers"])[b"idempotency-key"].decode()
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        report_id = await self.group.submit((key, body))
        answer = json.dumps({"report_id": str(report_id)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


async def run(port: int, database_url: str) -> None:
    """Serve until killed."""
    async with asyncpg.create_pool(database_url, min_size=2, max_size=8) as pool:
        await pool.execute(TABLES)
        floor = Floor(pool)
        async with floor.group:
            await asgi.serve(floor, f"127.0.0.1:{port}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(sys.argv[1]), sys.argv[2]))
