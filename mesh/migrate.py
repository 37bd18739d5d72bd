"""Roles, schemas and migrations. Run before a rollout, by a role that no service has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

_ENV = Path(__file__).parent / "alembic"


async def provision(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Create a schema and a role `songtor_<schema>` for each key of `passwords`; safe to repeat.

    The role owns nothing: it may read, insert and update what the migrations make, delete nothing
    that a migration does not grant, and see no other schema.
    """
    engine = create_async_engine(admin_url, poolclass=NullPool)
    async with engine.begin() as connection:
        for schema, password in sorted(passwords.items()):
            for statement in _provision_statements(schema):
                await connection.execute(sa.text(statement))
            # A utility statement takes no parameters: the literal is quoted by the server itself.
            quoted = await connection.scalar(sa.select(sa.func.quote_literal(password)))
            await connection.exec_driver_sql(
                f'ALTER ROLE "songtor_{schema}" LOGIN PASSWORD {quoted}'
            )
    await engine.dispose()


def _provision_statements(schema: str) -> tuple[str, ...]:
    if not schema.isidentifier():
        raise ValueError(f"not a schema name: {schema}")
    role = f"songtor_{schema}"
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}')"
        f' THEN CREATE ROLE "{role}"; END IF; END $$',
        f'CREATE SCHEMA IF NOT EXISTS "{schema}"',
        f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}"',
        f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}"'
        f' GRANT SELECT, INSERT, UPDATE ON TABLES TO "{role}"',
        f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT USAGE ON SEQUENCES TO "{role}"',
    )


async def upgrade(admin_url: str, schema: str, versions: Path) -> None:
    """Bring one schema to the head of the migrations in `versions`.

    Gives up after waiting 4 s for a lock or 60 s for a statement, so that a running service is
    never stopped by a migration.
    """
    engine = create_async_engine(
        admin_url,
        poolclass=NullPool,
        connect_args={
            "server_settings": {
                "search_path": schema,
                "lock_timeout": "4000",
                "statement_timeout": "60000",
            }
        },
    )
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, schema, versions)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: sa.Connection, schema: str, versions: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(_ENV))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    command.upgrade(config, "head")
