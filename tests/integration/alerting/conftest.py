"""One alerting a module, on an empty database; mail and answers start anew for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.alerting.office import Mailbox, Office, open_office


@pytest_asyncio.fixture(scope="module")
async def running(database: str) -> AsyncIterator[Office]:
    """Run an alerting."""
    async with open_office(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def office(running: Office) -> AsyncIterator[Office]:
    """Return the module's alerting with an empty mailbox and nothing left to do."""
    async with running.database.transaction() as tx:
        await tx.change("UPDATE deadline SET state = 2")
        await tx.change("UPDATE notification SET status = 'cancelled' WHERE status <> 'sent'")
    fresh = Mailbox()
    running.mailbox.mails.clear()
    running.mailbox.answer, running.mailbox.refuse = fresh.answer, fresh.refuse
    yield running
