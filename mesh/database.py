"""PostgreSQL: one pool a process, one transaction a unit of work, many rows a statement.

SQLAlchemy Core over asyncpg. No ORM; a hot path is one hand-written statement over arrays.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from mesh.errors import UnavailableError

T = TypeVar("T")
Row = RowMapping
Values = Mapping[str, Any]

# Defaults of PostgreSQL are "never": a stuck statement would hold its locks for ever.
_TIMEOUTS = {
    "statement_timeout": "15000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "20000",
}
_LENGTH = re.compile(r"\([^)]*\)")
# SQLSTATE classes: connection lost, server going down, too many of them, deadlock, serialization, a
# lock or a statement that took too long, a write at what has become a standby.
_READ_ONLY = "25006"
_TRANSIENT = ("08", "57P", "57014", "53", "40001", "40P01", "55P03", _READ_ONLY)
_finishing: set[asyncio.Future[Any]] = set()


class Transaction:
    """One open transaction. Made by `Database.transaction`, gone when its block ends."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._after_commit: dict[Callable[[], None], None] = {}
        self._later: dict[tuple[sa.Table, tuple[str, ...], str], list[Values]] = {}

    async def execute(
        self, statement: str | sa.Executable, parameters: Values | None = None
    ) -> Sequence[Row]:
        """Run one statement and return its rows as mappings; none when it returns no rows."""
        await self.flush()
        executable = _text(statement) if isinstance(statement, str) else statement
        result = await self._connection.execute(executable, parameters)
        return result.mappings().all() if result.returns_rows else ()

    async def change(self, statement: str, parameters: Values | None = None) -> int:
        """Run one INSERT, UPDATE or DELETE and return how many rows it touched."""
        await self.flush()
        result = await self._connection.execute(_text(statement), parameters)
        return int(result.rowcount)

    async def insert(
        self, table: sa.Table, rows: Sequence[Values], *, tail: str = ""
    ) -> Sequence[Row]:
        """Insert all rows in one statement, in the order given.

        Every row has the keys of the first. `tail` is SQL after the values, such as
        `ON CONFLICT DO NOTHING RETURNING id`. Columns of SQL array type cannot be used: keep
        lists as JSONB.
        """
        if not rows:
            return ()
        columns = tuple(rows[0])
        parameters = {name: [row[name] for row in rows] for name in columns}
        return await self.execute(insert_statement(table, columns, tail), parameters)

    def insert_later(self, table: sa.Table, rows: Sequence[Values], *, tail: str = "") -> None:
        """Insert all rows before the next statement or the commit, together with what else waits.

        One statement writes to several tables: each way to PostgreSQL and back costs as much as ten
        rows. `tail` and the rows as for `insert`; nothing is returned.
        """
        if rows:
            self._later.setdefault((table, tuple(rows[0]), tail), []).extend(rows)

    async def flush(self) -> None:
        """Write what waits; `execute` and the commit call it by themselves."""
        if not self._later:
            return
        later, self._later = self._later, {}
        parameters = {
            f"t{number}_{name}": [row[name] for row in rows]
            for number, ((_, columns, _), rows) in enumerate(later.items())
            for name in columns
        }
        await self._connection.execute(_text(_insert_statements(tuple(later))), parameters)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once after the commit; never after a rollback."""
        self._after_commit[callback] = None

    def committed(self) -> None:
        """Run the callbacks; called by `Database` alone."""
        for callback in self._after_commit:
            callback()


@lru_cache(maxsize=2048)
def _text(statement: str) -> sa.TextClause:
    return sa.text(statement)


@lru_cache(maxsize=256)
def _insert_statements(inserts: tuple[tuple[sa.Table, tuple[str, ...], str], ...]) -> str:
    """Return one statement that makes all inserts, with the parameters of each under its number."""
    *parts, last = [
        insert_statement(table, columns, tail, prefix=f"t{number}_")
        for number, (table, columns, tail) in enumerate(inserts)
    ]
    if not parts:
        return last
    return f"WITH {', '.join(f't{i} AS ({part})' for i, part in enumerate(parts))} {last}"


@lru_cache(maxsize=256)
def insert_statement(
    table: sa.Table, columns: tuple[str, ...], tail: str, *, prefix: str = ""
) -> str:
    """Return an INSERT that takes one array a column, so its text is the same for any row count."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    quote = dialect.identifier_preparer.quote
    arrays = []
    for name in columns:
        kind = table.c[name].type.compile(dialect=dialect)
        if kind == "JSONB":
            # asyncpg has no codec for arrays of JSON: they travel as text, the server reads them.
            arrays.append(f"CAST(CAST(:{prefix}{name} AS text[]) AS jsonb[])")
        else:
            # Without a length: a cast would cut what is too long, the column refuses it.
            arrays.append(f"CAST(:{prefix}{name} AS {_LENGTH.sub('', kind)}[])")
    return (
        f"INSERT INTO {quote(table.name)} ({', '.join(quote(name) for name in columns)})"
        f" SELECT * FROM unnest({', '.join(arrays)}) {tail}"
    )


class Database:
    """A pool of connections under one role, whose `search_path` is the service's own schema."""

    def __init__(self, url: str, *, schema: str, pool_size: int = 8) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=10,
            pool_use_lifo=True,
            # An error's text would list what was to be written.
            hide_parameters=True,
            connect_args={
                "server_settings": {
                    **_TIMEOUTS,
                    "search_path": schema,
                    "application_name": f"songtor-{schema}",
                },
                "timeout": 10,
            },
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction, commit it when the block ends, roll it back when it raises.

        A lost connection is an `UnavailableError`; whether a commit that was cut off happened is
        unknown, which is why every command carries a key. Run it through `finish` where a caller
        may be cancelled: a half-cancelled commit is worse than a late one.
        """
        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(self._engine.connect())
            except (OSError, TimeoutError, asyncpg.PostgresError, SQLAlchemyError) as error:
                raise _unavailable() from error
            transaction = Transaction(connection)
            try:
                async with connection.begin():
                    yield transaction
                    await transaction.flush()
            except DBAPIError as error:
                if is_transient(error):
                    if _state(error) == _READ_ONLY:
                        # It would answer like this for ever: the next connection finds the new one.
                        await connection.invalidate()
                    # The driver's text may quote parameters: it does not go on.
                    raise _unavailable() from None
                raise
        transaction.committed()

    async def ping(self) -> None:
        """Write nothing, ask PostgreSQL for an answer."""
        async with self.transaction() as tx:
            await tx.execute("SELECT 1")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _unavailable() -> UnavailableError:
    return UnavailableError("the database does not answer", reason="DATABASE_UNAVAILABLE")


def is_transient(error: DBAPIError) -> bool:
    """Say whether the same statement may succeed later."""
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    state = _state(error)
    return state.startswith(_TRANSIENT) or (isinstance(error, OperationalError) and not state)


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


async def finish(work: Awaitable[T]) -> T:
    """Await `work` to its end even when the caller is cancelled: no commit is half asked for."""
    task = asyncio.ensure_future(work)
    # Held here: a task that nobody waits for any more could be collected half way.
    _finishing.add(task)
    task.add_done_callback(_finishing.discard)
    return await asyncio.shield(task)


def unique_violation(error: DBAPIError) -> str | None:
    """Return the name of the unique constraint that was violated, or None for another error."""
    if _state(error) != "23505":
        return None
    cause = getattr(error.orig, "__cause__", None)
    return str(getattr(cause, "constraint_name", "") or "unknown")


def by_id(rows: Iterable[Row], key: str) -> dict[Any, Row]:
    """Index rows by one column."""
    return {row[key]: row for row in rows}
