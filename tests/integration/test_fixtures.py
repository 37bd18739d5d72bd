"""What the session's fixtures promise to every other integration test, on any backend."""

from __future__ import annotations

import asyncpg
import nats


async def test_a_module_gets_an_empty_database_of_its_own(database, postgres):
    assert database != postgres
    connection = await asyncpg.connect(database)
    foreign = "schemaname NOT IN ('pg_catalog', 'information_schema')"
    tables = await connection.fetchval(f"SELECT count(*) FROM pg_tables WHERE {foreign}")
    superuser = await connection.fetchval("SHOW is_superuser")
    await connection.close()
    assert tables == 0
    assert superuser == "on"


async def test_nats_serves_jetstream_and_holds_no_stream(nats_server):
    client = await nats.connect(nats_server)
    streams = await client.jetstream().streams_info()
    await client.close()
    assert streams == []
