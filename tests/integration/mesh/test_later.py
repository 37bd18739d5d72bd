"""Inserts that wait: written together, before anything else is asked, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from mesh import audit
from mesh.audit import Leaf
from mesh.clock import ManualClock
from mesh.database import Database, Transaction
from mesh.messaging import Event
from mesh.outbox import Outbox
from tests.integration.mesh.things import MIGRATIONS, effect
from tests.plumbing import open_database

NOW = datetime(2026, 4, 13, 12, 0, 0, tzinfo=UTC)


@pytest_asyncio.fixture(scope="module")
async def later(database: str) -> AsyncIterator[Database]:
    async with open_database(database, "plumbing", MIGRATIONS) as opened:
        yield opened


def effects(*bodies: str) -> list[dict[str, Any]]:
    return [{"message_id": uuid4(), "body": body} for body in bodies]


async def bodies(tx: Transaction, prefix: str) -> list[str]:
    rows = await tx.execute(
        "SELECT body FROM effect WHERE body LIKE :like ORDER BY body", {"like": f"{prefix}%"}
    )
    return [row["body"] for row in rows]


async def test_what_waits_is_there_for_the_next_statement(later: Database) -> None:
    async with later.transaction() as tx:
        tx.insert_later(effect, effects("a1", "a2"))
        tx.insert_later(effect, effects("a3"))
        tx.insert_later(effect, [])
        assert await bodies(tx, "a") == ["a1", "a2", "a3"]
        tx.insert_later(effect, effects("a4"))
    async with later.transaction() as tx:
        assert await bodies(tx, "a") == ["a1", "a2", "a3", "a4"]


async def test_several_tables_are_written_by_one_statement(later: Database) -> None:
    outbox, event = Outbox(ManualClock(NOW), "test"), Event(uuid4(), "thing.v1.later", b"b")
    async with later.transaction() as tx:
        tx.insert_later(effect, effects("b1"))
        await outbox.append(tx, [event, event])
        await audit.append(tx, [Leaf("a", "b.done", "b", {})], now=NOW)
        (row,) = await tx.execute(
            "SELECT (SELECT count(DISTINCT xmin::text || cmin::text) FROM"
            " (SELECT xmin, cmin FROM effect WHERE body = 'b1'"
            "  UNION ALL SELECT xmin, cmin FROM outbox WHERE event_id = :event_id"
            "  UNION ALL SELECT xmin, cmin FROM audit_leaf WHERE subject_id = 'b') AS written)"
            " AS statements, (SELECT count(*) FROM outbox WHERE event_id = :event_id) AS events",
            {"event_id": event.event_id},
        )
    assert (row["statements"], row["events"]) == (1, 1)


async def test_nothing_of_it_stays_when_the_transaction_raises(later: Database) -> None:
    async def fail() -> None:
        async with later.transaction() as tx:
            tx.insert_later(effect, effects("c1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with later.transaction() as tx:
        assert await bodies(tx, "c") == []


async def test_what_cannot_be_written_fails_the_commit(later: Database) -> None:
    told = Outbox(ManualClock(NOW), "test")

    async def write() -> None:
        async with later.transaction() as tx:
            tx.insert_later(effect, effects("d1"))
            tx.insert_later(effect, [{"message_id": UUID(int=1), "body": "d2\x00"}])
            await told.append(tx, [Event(uuid4(), "thing.v1.never", b"")])

    with pytest.raises(DBAPIError):
        await write()
    assert not told.written.is_set()
    async with later.transaction() as tx:
        assert await bodies(tx, "d") == []


async def test_the_relay_is_woken_only_after_the_commit(later: Database) -> None:
    told = Outbox(ManualClock(NOW), "test")
    async with later.transaction() as tx:
        await told.append(tx, [Event(uuid4(), "thing.v1.now", b"")])
        assert not told.written.is_set()
    assert told.written.is_set()
