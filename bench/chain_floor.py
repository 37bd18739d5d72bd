"""The bare floor under the whole way of a report, in the same shape and with no logic at all.

    python -m bench.chain_floor door|middle|carrier PORT DATABASE_URL NATS_URL SINK_PORT

door: raw ASGI, group commit of one row and one outbox row, a relay to JetStream. middle: takes
batches, one row and one outbox row each, relays on; takes what comes back, one row each, and says
"done" on core NATS. carrier: takes batches, posts each to the sink over keep-alive connections, one
row and one outbox row each, relays back. Every acknowledgement comes after its commit; PostgreSQL
is as durable as the hub's.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import uvloop
from nats.aio.msg import Msg
from uuid_utils.compat import uuid7

from mesh import asgi
from mesh.batching import GroupCommit
from mesh.messaging import Bus, Event, connect
from mesh.topology import Durable, Stream, apply

STREAM = Stream("FLOOR", ("floor.>",), max_bytes=512 * 1024**2)
ROUTE = Durable("middle-route", "FLOOR", ("floor.reported",))
CARRY = Durable("carrier-carry", "FLOOR", ("floor.delivery",))
BACK = Durable("middle-back", "FLOOR", ("floor.accepted",))
DONE = "floordone"
POSTS = 32
Row = tuple[UUID, bytes]


class Hop:
    """One table of things that happened and one outbox, with its relay."""

    def __init__(self, name: str, subject: str, pool: asyncpg.Pool, bus: Bus) -> None:
        self._name = name
        self._subject = subject
        self._pool = pool
        self._bus = bus
        self._written = asyncio.Event()

    async def prepare(self) -> None:
        """Make the tables."""
        await self._pool.execute(
            f"CREATE SCHEMA IF NOT EXISTS floor;"
            f"CREATE TABLE IF NOT EXISTS floor.{self._name} (id uuid PRIMARY KEY, body bytea);"
            f"CREATE TABLE IF NOT EXISTS floor.{self._name}_outbox"
            f" (id uuid PRIMARY KEY, body bytea, state smallint NOT NULL DEFAULT 0);"
            f"CREATE INDEX IF NOT EXISTS {self._name}_new ON floor.{self._name}_outbox (id)"
            f" WHERE state = 0"
        )

    async def write(self, rows: Sequence[Row], *, announce: bool = True) -> None:
        """Commit a batch."""
        ids, bodies = [row[0] for row in rows], [row[1] for row in rows]
        values = "SELECT * FROM unnest($1::uuid[], $2::bytea[]) ON CONFLICT DO NOTHING"
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"INSERT INTO floor.{self._name} {values}", ids, bodies)
            if announce:
                await connection.execute(
                    f"INSERT INTO floor.{self._name}_outbox (id, body) {values}", ids, bodies
                )
        self._written.set()

    async def relay(self) -> None:
        """Publish for ever."""
        while True:
            async with self._pool.acquire() as connection, connection.transaction():
                rows = await connection.fetch(
                    f"SELECT id, body FROM floor.{self._name}_outbox WHERE state = 0"
                    " ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED"
                )
                if rows:
                    events = [
                        Event(uuid5(row["id"], self._name), self._subject, row["body"])
                        for row in rows
                    ]
                    await self._bus.publish(events)
                    await connection.execute(
                        f"UPDATE floor.{self._name}_outbox SET state = 1 WHERE id = ANY($1)",
                        [row["id"] for row in rows],
                    )
            if len(rows) < 500:
                self._written.clear()
                try:
                    async with asyncio.timeout(0.2):
                        await self._written.wait()
                except TimeoutError:
                    continue


async def consume(
    bus: Bus, durable: Durable, handle: Callable[[Sequence[Row]], Awaitable[None]]
) -> None:
    """Take batches for ever and acknowledge after the handler's commit."""
    puller = await bus.pull(durable, batch=256)
    while True:
        messages: list[Msg] = await puller.next()
        await handle([(UUID(bytes=message.data[:16]), message.data) for message in messages])
        for message in messages:
            await message.ack()


class Door:
    """The ASGI application."""

    def __init__(self, hop: Hop) -> None:
        self.group: GroupCommit[bytes, UUID] = GroupCommit(self._store)
        self._hop = hop

    async def _store(self, bodies: Sequence[bytes]) -> list[UUID]:
        ids = [uuid7() for _ in bodies]
        rows = [(i, i.bytes + body[:500]) for i, body in zip(ids, bodies, strict=True)]
        await self._hop.write(rows)
        return ids

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        """Take a body, store it, answer."""
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        case_id = await self.group.submit(body)
        answer = json.dumps({"case_id": str(case_id)}).encode()
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class Poster:
    """Keep-alive connections to the sink."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._idle = asyncio.Queue()

    async def open(self) -> None:
        """Connect."""
        for _ in range(POSTS):
            self._idle.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def post(self, row: Row) -> None:
        """Post one row and read the answer."""
        body = json.dumps({"assignment_id": str(row[0]), "body": row[1][16:272].hex()}).encode()
        reader, writer = await self._idle.get()
        writer.write(
            b"POST / HTTP/1.1\r\nHost: sink\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (str(row[0]).encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self._idle.put_nowait((reader, writer))


async def run(role: str, port: int, database_url: str, nats_url: str, sink_port: int) -> None:
    """Run one role until killed."""
    bus = await connect(nats_url, None)
    async with asyncpg.create_pool(database_url, min_size=2, max_size=8) as pool:
        if role == "door":
            await apply(bus.jetstream, [STREAM], [ROUTE, CARRY, BACK], replicas=1)
            hop = Hop("door", "floor.reported", pool, bus)
            await hop.prepare()
            door = Door(hop)
            async with door.group:
                await asyncio.gather(hop.relay(), asgi.serve(door, f"127.0.0.1:{port}"))
        elif role == "middle":
            await _middle(pool, bus)
        else:
            await _carrier(pool, bus, sink_port)


async def _middle(pool: asyncpg.Pool, bus: Bus) -> None:
    out, back = Hop("out", "floor.delivery", pool, bus), Hop("back", "", pool, bus)
    await out.prepare()
    await back.prepare()

    async def finish(rows: Sequence[Row]) -> None:
        await back.write(rows, announce=False)
        for row in rows:
            await bus.client.publish(DONE, row[0].bytes)

    await asyncio.gather(out.relay(), consume(bus, ROUTE, out.write), consume(bus, BACK, finish))


async def _carrier(pool: asyncpg.Pool, bus: Bus, sink_port: int) -> None:
    hop = Hop("carried", "floor.accepted", pool, bus)
    await hop.prepare()
    poster = Poster(sink_port)
    await poster.open()

    async def carry(rows: Sequence[Row]) -> None:
        await asyncio.gather(*[poster.post(row) for row in rows])
        await hop.write(rows)

    await asyncio.gather(hop.relay(), consume(bus, CARRY, carry))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])))
