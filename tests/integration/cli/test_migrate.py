"""`songtor migrate`: everything a version needs, made by its settings alone, and safe to repeat."""

from __future__ import annotations

import asyncpg
import nats
import pytest

from cli import migrate
from cli.rollout import Rollout, migrations_grant
from mesh.identity import DevelopmentAuthority
from sandbox.servers.nats import NatsAccess, NatsServer, TlsFiles


@pytest.fixture
async def broker(tmp_path):
    """A broker on which the migrations have their own grant and no other."""
    authority = DevelopmentAuthority(tmp_path / "identities")
    own = authority.issue("server", "nats")
    files = TlsFiles(own.ca_path, own.cert_path, own.key_path)
    access = NatsAccess(files, [migrations_grant()])
    server = NatsServer(tmp_path / "nats", log=tmp_path / "nats.log", access=access)
    await server.start()
    yield server, authority.issue("tool", "migrate")
    await server.stop()


def settings(database, server, identity, passwords) -> migrate.Settings:
    return migrate.Settings(
        database_url=database.replace("postgresql://", "postgresql+asyncpg://", 1),
        passwords_dir=passwords,
        nats_url=server.url,
        identity_dir=identity.folder,
    )


async def test_twice_makes_every_schema_and_stream_once(database, broker, tmp_path):
    server, identity = broker
    version = Rollout.of_this_version()
    for schema in version.schemas:
        (tmp_path / schema).write_text("test\n")
    for _ in range(2):
        await migrate.run(settings(database, server, identity, tmp_path))
    connection = await asyncpg.connect(database)
    rows = await connection.fetch("SELECT schema_name FROM information_schema.schemata")
    await connection.close()
    assert set(version.schemas) <= {row["schema_name"] for row in rows}
    client = await nats.connect(
        server.url, tls=identity.client_context(), inbox_prefix=b"_INBOX.tool.migrate"
    )
    streams = await client.jetstream().streams_info()
    await client.close()
    assert {info.config.name for info in streams} == {stream.name for stream in version.streams}


async def test_a_schema_without_a_password_is_named(database, broker, tmp_path):
    server, identity = broker
    for schema in Rollout.of_this_version().schemas:
        (tmp_path / schema).write_text("" if schema == "intake" else "test")
    with pytest.raises(ValueError, match="for intake"):
        await migrate.run(settings(database, server, identity, tmp_path))
