"""Fixtures for real servers. A test that asks for none of them starts none."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import asyncpg
import nats
import pytest
import pytest_asyncio

from tests.backends import Servers, choice

pytest.register_assert_rewrite("adapters.sdk.conformance")


@cache
def _choice() -> choice.Choice:
    return choice.current()


def pytest_report_header() -> str:
    """Say which backend the servers of this run come from."""
    return f"songtor servers: {_choice()}"


@pytest_asyncio.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    """PostgreSQL and NATS for the whole session (with xdist: for one worker's)."""
    backend = importlib.import_module(f"tests.backends.{_choice().backend}")
    async with backend.servers() as running:
        yield running


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> str:
    """Return the address of PostgreSQL's superuser, database `postgres`."""
    return servers.postgres


@pytest_asyncio.fixture(scope="module")
async def database(postgres: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Return the superuser's address of an empty database that only this module uses."""
    name = _database_name(request.node.nodeid)
    async with _admin(postgres) as admin:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
    yield f"{postgres.rpartition('/')[0]}/{name}"
    async with _admin(postgres) as admin:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest_asyncio.fixture(scope="module")
async def nats_server(servers: Servers) -> str:
    """Return the address of a NATS that holds no stream when the module begins."""
    client = await nats.connect(servers.nats)
    jetstream = client.jetstream()
    for stream in await jetstream.streams_info():
        await jetstream.delete_stream(stream.config.name or "")
    await client.close()
    return servers.nats


@asynccontextmanager
async def _admin(address: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


def _database_name(node: str) -> str:
    """Return a name that no other module and no other run uses, within PostgreSQL's 63 bytes."""
    words = re.sub(r"[^a-z0-9]+", "_", node.lower().removesuffix(".py"))
    return f"{words[-40:].strip('_')}_{os.getpid()}"
