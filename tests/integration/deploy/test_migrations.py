"""The migrations, run by the role that the manifests give them: owner of one database, no more."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cli.rollout import Rollout
from mesh import migrate
from tests.plumbing import driver_url

# Roles belong to the whole server: names that no other test and no other run uses.
RUN = os.getpid()
OWNER = f"songtor_owner_{RUN}"


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


def as_role(address: str, role: str) -> str:
    """Return `address` with another login; every password here is `test`."""
    return f"postgresql://{role}:test@{address.rpartition('@')[2]}"


async def test_the_owner_needs_no_superuser_and_each_role_sees_only_its_own(database: str) -> None:
    folders = Rollout.of_this_version().schemas
    schemas = {f"owned{RUN}_{schema}": folder for schema, folder in folders.items()}
    name = database.rpartition("/")[2]
    async with connected(database) as superuser:
        # As CloudNativePG makes it: LOGIN, CREATEROLE, and the database is its own.
        await superuser.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'test'")
        await superuser.execute(f'ALTER DATABASE "{name}" OWNER TO {OWNER}')
    owner = driver_url(as_role(database, OWNER))
    for _ in range(2):  # a second time changes nothing
        await migrate.provision(owner, dict.fromkeys(schemas, "test"))
        for schema, folder in schemas.items():
            await migrate.upgrade(owner, schema, folder)
    first, second = sorted(schemas)[:2]
    async with connected(as_role(database, f"songtor_{first}")) as role:
        mine = "SELECT table_name FROM information_schema.tables WHERE table_schema = $1 LIMIT 1"
        table = await role.fetchval(mine, first)
        await role.fetch(f'SELECT * FROM "{first}"."{table}"')
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(f'DROP TABLE "{first}"."{table}"')
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await role.execute(f'SELECT * FROM "{second}".alembic_version')
