"""One gateway and one intake a module, on an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.intake import keys
from tests.integration.gateway.edge import Door, open_door
from tests.integration.intake.desk import Desk, open_desk


@pytest.fixture(scope="module")
def keyset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the module's keyset."""
    path = tmp_path_factory.mktemp("keys") / "keyset.json"
    keys.create(path)
    return path


@pytest_asyncio.fixture(scope="module")
async def desk(database: str, keyset: Path) -> AsyncIterator[Desk]:
    """Run an intake."""
    async with open_desk(database, keyset) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def door(database: str, desk: Desk) -> AsyncIterator[Door]:
    """Run a gateway in front of it."""
    async with open_door(database, desk.address) as running:
        yield running
