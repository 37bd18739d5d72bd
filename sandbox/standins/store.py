"""One SQLite file per program, with one writer that commits many writes at once.

A write is acknowledged only after its transaction is on disk (WAL, synchronous=FULL), so a kill
loses nothing that anybody was told of.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Any]
_Item = tuple[Work, "Future[Any]"]
_MOST_IN_ONE_COMMIT = 256


class Store:
    """A SQLite file: reads at once on the caller's thread, writes in groups on one of its own."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writer = self._connect()
        self._writer.executescript(schema)
        self._reader = self._connect()
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="sqlite-writer", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA busy_timeout=5000")
        return connection

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in a transaction and return its result once that is on disk.

        An error in `work` undoes its own writes only; those committed with it stay.
        """
        future: Future[Any] = Future()
        self._items.put((work, future))
        result: Result = await asyncio.shield(asyncio.wrap_future(future))
        return result

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return the rows of a query over what is committed."""
        return self._reader.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Finish the writes under way and close the file."""
        self._items.put(None)
        self._thread.join()
        self._reader.close()
        self._writer.close()

    def _write_all(self) -> None:
        while (first := self._items.get()) is not None:
            group = [first]
            ended = False
            while len(group) < _MOST_IN_ONE_COMMIT and not self._items.empty():
                item = self._items.get()
                if item is None:
                    ended = True
                    break
                group.append(item)
            self._commit(group)
            if ended:
                return

    def _commit(self, group: Sequence[_Item]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for work, future in group:
                outcomes.append((future, *self._attempt(work)))
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            outcomes = [(future, None, error) for _, future in group]
        for future, result, failure in outcomes:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def _attempt(self, work: Work) -> tuple[Any, BaseException | None]:
        self._writer.execute("SAVEPOINT one")
        try:
            result = work(self._writer)
        except Exception as error:  # noqa: BLE001 - handed to the caller that awaits it
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
            return None, error
        self._writer.execute("RELEASE one")
        return result, None
