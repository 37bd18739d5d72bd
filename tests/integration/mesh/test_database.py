"""PostgreSQL under a service's own role: what it may, what it must not, and what breaks nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from mesh import audit
from mesh.audit import Leaf
from mesh.database import Database, finish, unique_violation
from mesh.errors import InvalidArgumentError, SongtorError, UnavailableError
from mesh.tables import outbox
from tests.fakes.cable import Cable, cable
from tests.integration.mesh.things import effect
from tests.plumbing import open_database
from tests.waiting import until

MIGRATIONS = Path(__file__).parent / "migrations"
NOW = datetime(2026, 4, 13, 12, 0, 0, 250_000, tzinfo=UTC)
CANARY = "คานารี-9-0000-00000-00-1"


@dataclass
class World:
    database: Database
    admin: asyncpg.Connection
    url: str
    stack: AsyncExitStack

    async def effects(self) -> list[str]:
        rows = await self.admin.fetch("SELECT body FROM plumbing.effect ORDER BY body")
        return [row["body"] for row in rows]

    async def activity(self) -> list[str]:
        rows = await self.admin.fetch(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'songtor-plumbing'"
        )
        return [row["state"] for row in rows]

    async def through_a_cable(self, *, pool_size: int = 2) -> tuple[Database, Cable]:
        host, _, port = self.url.rpartition("/")[0].rpartition("@")[2].rpartition(":")
        laid = await self.stack.enter_async_context(cable(host, int(port)))
        name = self.url.rpartition("/")[2]
        far = Database(
            f"postgresql+asyncpg://songtor_plumbing:test@127.0.0.1:{laid.port}/{name}",
            schema="plumbing",
            pool_size=pool_size,
        )
        self.stack.push_async_callback(far.close)
        return far, laid


@pytest_asyncio.fixture(scope="module")
async def world(database: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        mine = await stack.enter_async_context(open_database(database, "plumbing", MIGRATIONS))
        await stack.enter_async_context(open_database(database, "elsewhere", MIGRATIONS))
        admin = await asyncpg.connect(database)
        stack.push_async_callback(admin.close)
        yield World(mine, admin, database, stack)


@pytest_asyncio.fixture(autouse=True)
async def _empty(world: World) -> None:
    await world.admin.execute("TRUNCATE plumbing.effect, plumbing.outbox")


async def state_of(world: World, statement: str, database: Database | None = None) -> str:
    """Run a statement that must fail, and return its SQLSTATE."""
    with pytest.raises(DBAPIError) as raised:
        async with (database or world.database).transaction() as tx:
            await tx.execute(statement)
    return str(getattr(raised.value.orig, "sqlstate", ""))


# What the role may.


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM elsewhere.effect",
        "INSERT INTO elsewhere.effect VALUES (gen_random_uuid(), '')",
        "SELECT * FROM elsewhere.outbox",
        "SELECT nextval('elsewhere.outbox_id_seq')",
        "CREATE TABLE plumbing.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "DROP TABLE effect",
        "ALTER TABLE audit_leaf DISABLE TRIGGER ALL",
        "CREATE SCHEMA mine",
        "CREATE ROLE another",
        "SET ROLE songtor_elsewhere",
        "SELECT * FROM pg_authid",
    ],
)
async def test_a_service_sees_and_changes_its_own_tables_alone(
    world: World, statement: str
) -> None:
    assert await state_of(world, statement) == "42501"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_leaf SET actor = 'nobody'",
        "DELETE FROM audit_leaf",
        "TRUNCATE audit_leaf",
        "INSERT INTO audit_leaf SELECT * FROM audit_leaf ON CONFLICT (id) DO UPDATE SET actor = ''",
        "DELETE FROM outbox",
        "DELETE FROM inbox",
    ],
)
async def test_what_was_written_for_the_record_stays(world: World, statement: str) -> None:
    async with world.database.transaction() as tx:
        await audit.append(tx, [Leaf("a", "case.read", "c-1", {})], now=NOW)
    assert await state_of(world, statement) == "42501"


async def test_a_leaf_can_be_checked_from_its_row(world: World) -> None:
    leaf = Leaf("service/intake", "case.read", "c-2", {"purpose": "รับเรื่อง", "n": 3, "x": None})
    async with world.database.transaction() as tx:
        await audit.append(tx, [leaf], now=NOW)
        rows = await tx.execute("SELECT * FROM audit_leaf WHERE subject_id = 'c-2'")
    facts = rows[0]["facts"]
    stored = Leaf(
        rows[0]["actor"],
        rows[0]["action"],
        rows[0]["subject_id"],
        json.loads(facts) if isinstance(facts, str) else facts,
    )
    assert audit.digest(stored, rows[0]["at"]) == rows[0]["digest"] == audit.digest(leaf, NOW)


async def test_no_statement_and_no_lock_waits_for_ever(world: World) -> None:
    async with world.database.transaction() as tx:
        for name in (
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
        ):
            rows = await tx.execute(f"SHOW {name}")
            assert rows[0][name] not in ("0", ""), name


# One transaction.


async def test_a_transaction_that_raises_leaves_nothing(world: World) -> None:
    woken: list[str] = []

    async def attempt() -> None:
        async with world.database.transaction() as tx:
            await tx.insert(effect, [{"message_id": uuid4(), "body": "a"}])
            tx.after_commit(lambda: woken.append("a"))
            raise InvalidArgumentError("changed my mind")

    with pytest.raises(InvalidArgumentError):
        await attempt()
    assert await world.effects() == []
    assert woken == []


async def test_a_callback_is_called_once_and_after_the_commit(world: World) -> None:
    seen: list[int] = []
    other = asyncio.Event()

    def wake() -> None:
        seen.append(1)
        other.set()

    async with world.database.transaction() as tx:
        await tx.insert(effect, [{"message_id": uuid4(), "body": "b"}])
        tx.after_commit(wake)
        tx.after_commit(wake)
        assert seen == []
    assert seen == [1]
    assert await world.effects() == ["b"]


async def test_many_rows_are_one_statement_in_the_order_given(world: World) -> None:
    rows = [
        {
            "event_id": UUID(int=n),
            "subject": f"thing.v1.{n}",
            "headers": json.dumps({"n": n, "ไทย": "ก"}),
            "payload": bytes([n % 256, 0]),
            "priority": n % 10,
            "created_at": NOW,
            "published_at": None if n % 2 else NOW,
        }
        for n in range(1000)
    ]
    async with world.database.transaction() as tx:
        made = await tx.insert(outbox, rows, tail="RETURNING id, event_id")
        assert [row["event_id"] for row in sorted(made, key=lambda row: row["id"])] == [
            row["event_id"] for row in rows
        ]
        stored = await tx.execute("SELECT * FROM outbox ORDER BY id")
    assert [row["payload"] for row in stored] == [row["payload"] for row in rows]
    assert [row["published_at"] for row in stored] == [row["published_at"] for row in rows]
    headers = stored[7]["headers"]
    assert (json.loads(headers) if isinstance(headers, str) else headers) == {"n": 7, "ไทย": "ก"}


async def test_no_rows_are_no_statement(world: World) -> None:
    async with world.database.transaction() as tx:
        assert await tx.insert(effect, []) == ()


async def test_a_violated_key_is_told_by_its_name(world: World) -> None:
    row = {
        "event_id": uuid4(),
        "subject": CANARY,
        "headers": "{}",
        "payload": b"",
        "priority": 5,
        "created_at": NOW,
    }

    async def attempt() -> None:
        async with world.database.transaction() as tx:
            await tx.insert(outbox, [row])
            await tx.insert(outbox, [row])

    with pytest.raises(DBAPIError) as raised:
        await attempt()
    assert unique_violation(raised.value) == "outbox_event_id_key"


async def test_another_error_is_no_violated_key(world: World) -> None:
    with pytest.raises(DBAPIError) as raised:
        async with world.database.transaction() as tx:
            await tx.execute("SELECT 1/0")
    assert unique_violation(raised.value) is None


async def test_an_error_does_not_list_what_was_to_be_written(world: World) -> None:
    async def attempt() -> None:
        async with world.database.transaction() as tx:
            await tx.execute(
                "SELECT CAST(:n AS int) / :zero, :text", {"n": 1, "zero": 0, "text": CANARY}
            )

    with pytest.raises(DBAPIError) as raised:
        await attempt()
    assert CANARY not in str(raised.value)


# What breaks.


async def test_a_lost_connection_is_unavailable_and_the_next_one_works(world: World) -> None:
    far, laid = await world.through_a_cable()

    async def attempt() -> None:
        async with far.transaction() as tx:
            await tx.insert(effect, [{"message_id": uuid4(), "body": "lost"}])
            laid.cut()
            await tx.execute("SELECT 1")

    with pytest.raises(UnavailableError) as raised:
        await attempt()
    assert raised.value.reason == "DATABASE_UNAVAILABLE"
    with pytest.raises(UnavailableError):
        await far.ping()
    laid.mend()
    await far.ping()
    assert await world.effects() == []


async def test_a_commit_that_is_cut_off_is_unavailable(world: World) -> None:
    far, laid = await world.through_a_cable()

    async def attempt() -> None:
        async with far.transaction() as tx:
            await tx.insert(effect, [{"message_id": uuid4(), "body": "cut"}])
            laid.cut()

    with pytest.raises(UnavailableError):
        await attempt()
    laid.mend()
    await far.ping()


async def test_a_server_that_ends_our_session_is_unavailable(world: World) -> None:
    async def attempt() -> None:
        async with world.database.transaction() as tx:
            rows = await tx.execute("SELECT pg_backend_pid() AS pid")
            await world.admin.execute("SELECT pg_terminate_backend($1)", rows[0]["pid"])
            await tx.execute("SELECT 1")

    with pytest.raises(UnavailableError):
        await attempt()
    await world.database.ping()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    nowhere = Database("postgresql+asyncpg://nobody:x@127.0.0.1:1/none", schema="none")
    with pytest.raises(UnavailableError):
        await nowhere.ping()
    await nowhere.close()


@pytest.mark.parametrize(
    "statements",
    [
        ("SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(5)"),
        ("SET LOCAL lock_timeout = '50ms'", "LOCK TABLE effect IN ROW EXCLUSIVE MODE"),
    ],
    ids=["statement", "lock"],
)
async def test_what_took_too_long_may_be_tried_again(
    world: World, statements: tuple[str, ...]
) -> None:
    async with world.admin.transaction():
        await world.admin.execute("LOCK TABLE plumbing.effect IN ACCESS EXCLUSIVE MODE")

        async def attempt() -> None:
            async with world.database.transaction() as tx:
                for statement in statements:
                    await tx.execute(statement)

        with pytest.raises(UnavailableError):
            await attempt()


async def test_a_connection_to_what_became_a_standby_is_given_up(world: World) -> None:
    """After a failover the old primary answers, and refuses every write for ever."""
    far, _ = await world.through_a_cable(pool_size=1)
    async with far.transaction() as tx:
        before = (await tx.execute("SELECT pg_backend_pid() AS pid"))[0]["pid"]

    async def attempt() -> None:
        async with far.transaction() as tx:
            await tx.execute("SET TRANSACTION READ ONLY")
            await tx.insert(effect, [{"message_id": uuid4(), "body": "x"}])

    with pytest.raises(UnavailableError):
        await attempt()
    async with far.transaction() as tx:
        assert (await tx.execute("SELECT pg_backend_pid() AS pid"))[0]["pid"] != before


async def test_a_mistake_of_ours_is_not_taken_for_a_passing_failure(world: World) -> None:
    with pytest.raises(DBAPIError) as raised:
        async with world.database.transaction() as tx:
            await tx.execute("SELECT no_such_column FROM effect")
    assert not isinstance(raised.value, SongtorError)


# Who goes away.


async def test_three_hundred_cancellations_leave_the_pool_whole(world: World) -> None:
    async def pair(number: int) -> None:
        async with world.database.transaction() as tx:
            await tx.insert(effect, [{"message_id": uuid4(), "body": f"{number:03}-a"}])
            await tx.insert(effect, [{"message_id": uuid4(), "body": f"{number:03}-b"}])

    for batch in range(0, 300, 20):
        tasks = [asyncio.create_task(pair(number)) for number in range(batch, batch + 20)]
        for step, task in enumerate(tasks):
            # Cut at a different place each time: before, within and after the statements.
            for _ in range(step):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def is_quiet() -> bool:
        return not {"idle in transaction", "active"} & set(await world.activity())

    await until(is_quiet)
    assert len(await world.activity()) <= 8
    async with asyncio.timeout(10):
        await asyncio.gather(*(pair(number) for number in range(900, 916)))
    bodies = await world.effects()
    firsts = [body[:3] for body in bodies if body.endswith("-a")]
    seconds = [body[:3] for body in bodies if body.endswith("-b")]
    assert firsts == seconds
    assert firsts[-16:] == [str(number) for number in range(900, 916)]


async def test_a_commit_goes_on_when_its_caller_goes_away(world: World) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def command() -> None:
        async with world.database.transaction() as tx:
            await tx.insert(effect, [{"message_id": uuid4(), "body": "stays"}])
            begun.set()
            await go.wait()

    caller = asyncio.create_task(finish(command()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()

    async def stored() -> bool:
        return await world.effects() == ["stays"]

    await until(stored)
