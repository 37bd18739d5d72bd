"""One routing a module, on an empty database and broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.routing.hub import Hub, open_hub


@pytest_asyncio.fixture(scope="module")
async def hub(database: str, nats_server: str) -> AsyncIterator[Hub]:
    """Run a routing that reads the broker."""
    async with open_hub(database, nats_server) as opened:
        opened.start()
        yield opened
