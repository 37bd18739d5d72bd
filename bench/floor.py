"""The bare floor under intake: raw ASGI, group commit, one row and one outbox row a report.

    python -m bench.floor PORT DATABASE_URL SCHEMA [NATS_URL IDENTITY_DIR]

The same HTTP server and the same durable PostgreSQL as the hub, and nothing between: no model, no
rule, no encryption, no second process. Both rows of a batch are two statements in one transaction.
With NATS, a relay publishes the outbox meanwhile, as the hub's does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from uuid_utils.compat import uuid7

from mesh import asgi
from mesh.batching import GroupCommit
from mesh.identity import Identity
from mesh.messaging import Bus, Event, connect
from mesh.topology import Stream, apply

STREAM = Stream("FLOOR", ("floor.>",), max_bytes=512 * 1024**2)
TABLES = """
    CREATE SCHEMA IF NOT EXISTS {0};
    CREATE TABLE IF NOT EXISTS {0}.report (
        report_id uuid PRIMARY KEY, idempotency_key text NOT NULL UNIQUE, body bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS {0}.outbox (
        event_id uuid PRIMARY KEY, payload bytea NOT NULL, state smallint NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS outbox_new ON {0}.outbox (event_id) WHERE state = 0;
"""
REPORT = "INSERT INTO {0}.report SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[])"
OUTBOX = "INSERT INTO {0}.outbox SELECT * FROM unnest($1::uuid[], $2::bytea[])"
CLAIM = """
    SELECT event_id, payload FROM {0}.outbox WHERE state = 0
    ORDER BY event_id LIMIT 500 FOR UPDATE SKIP LOCKED
"""
MARK = "UPDATE {0}.outbox SET state = 1 WHERE event_id = ANY($1::uuid[])"
Item = tuple[str, bytes]


class Floor:
    """The ASGI application."""

    def __init__(self, pool: asyncpg.Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._written = asyncio.Event()
        self.group: GroupCommit[Item, UUID] = GroupCommit(self._store)

    async def _store(self, items: Sequence[Item]) -> list[UUID]:
        ids = [uuid7() for _ in items]
        keys, bodies = [item[0] for item in items], [item[1] for item in items]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(REPORT.format(self._schema), ids, keys, bodies)
            # An event is about as long as the part of a report that is announced.
            payloads = [body[:500] for body in bodies]
            await connection.execute(OUTBOX.format(self._schema), ids, payloads)
        self._written.set()
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

    async def relay(self, bus: Bus) -> None:
        """Publish what was stored, for ever."""
        while True:
            await self._written.wait()
            self._written.clear()
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(CLAIM.format(self._schema))
                events = [
                    Event(row["event_id"], "floor.reported.normal", row["payload"]) for row in rows
                ]
                if events:
                    await bus.publish(events)
                    ids = [event.event_id for event in events]
                    await connection.execute(MARK.format(self._schema), ids)


async def run(port: int, database_url: str, schema: str, nats: Sequence[str]) -> None:
    """Serve until killed."""
    async with asyncpg.create_pool(database_url, min_size=2, max_size=8) as pool:
        await pool.execute(TABLES.format(schema))
        floor = Floor(pool, schema)
        loops = [asgi.serve(floor, f"127.0.0.1:{port}")]
        if nats:
            bus = await connect(nats[0], Identity(Path(nats[1])))
            await apply(bus.jetstream, [STREAM], [], replicas=1)
            loops.append(floor.relay(bus))
        async with floor.group:
            await asyncio.gather(*loops)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
