"""A ledger a module, emptied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from mesh.database import Database
from tests.integration.sdk.world import World, open_ledger, open_world


@pytest_asyncio.fixture(scope="module")
async def ledger(database: str) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """Open the module's ledger."""
    async with open_ledger(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def world(ledger: tuple[Database, asyncpg.Connection]) -> AsyncIterator[World]:
    """Return an adapter with nothing to do yet."""
    async with open_world(ledger) as opened:
        yield opened
