"""Messages that an agency's system sends of its own accord, kept until they are answered.

Messages about one referral leave in order, one at a time; those of different referrals side by
side. A restart sends again what had no final answer, with the same body and headers.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

import httpx2

from sandbox.standins.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS outgoing (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    url TEXT NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    answer INTEGER
);
CREATE INDEX IF NOT EXISTS outgoing_open ON outgoing (seq) WHERE answer IS NULL;
"""

_SIDE_BY_SIDE = 32
_LOOK_AHEAD = 256
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 5.0
NO_ANSWER = 0


class Verdict(Enum):
    """What the sender makes of an answer."""

    FINAL = "final"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class _Message:
    seq: int
    lane: str
    url: str
    headers: dict[str, str]
    body: str


def append(
    tx: sqlite3.Connection, *, lane: str, url: str, headers: Mapping[str, str], body: str
) -> None:
    """Send `body` to `url` after what is already waiting in `lane`."""
    tx.execute(
        "INSERT INTO outgoing (lane, url, headers, body) VALUES (?, ?, ?, ?)",
        (lane, url, json.dumps(dict(headers)), body),
    )


def until_2xx(status: int) -> Verdict:
    """Only success ends the tries."""
    return Verdict.FINAL if 200 <= status < 300 else Verdict.AGAIN


def once(status: int) -> Verdict:  # noqa: ARG001 - whatever the answer, and even without one
    """One try, as the systems do that promise no retry."""
    return Verdict.FINAL


class Pusher:
    """Sends what waits, until `judge` calls the answer final."""

    def __init__(
        self,
        store: Store,
        client: httpx2.AsyncClient,
        judge: Callable[[int], Verdict],
        pace: float,
    ) -> None:
        self._store = store
        self._client = client
        self._judge = judge
        self._pace = pace
        self._waits: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                for message in self._heads():
                    self._under_way[message.lane] = asyncio.create_task(self._send(message))
                if self._under_way:
                    await asyncio.wait(
                        self._under_way.values(),
                        timeout=self._pace,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                else:
                    await asyncio.sleep(self._pace)
                self._collect()
        finally:
            for task in self._under_way.values():
                task.cancel()

    def _heads(self) -> list[_Message]:
        free = _SIDE_BY_SIDE - len(self._under_way)
        if free <= 0:
            return []
        waiting = self._store.read(
            "SELECT seq, lane FROM outgoing WHERE answer IS NULL ORDER BY seq LIMIT ?",
            (_LOOK_AHEAD,),
        )
        heads: dict[str, int] = {}
        for row in waiting:
            if row["lane"] not in self._under_way:
                heads.setdefault(row["lane"], row["seq"])
        return [self._message(seq) for seq in sorted(heads.values())[:free]]

    def _message(self, seq: int) -> _Message:
        (row,) = self._store.read("SELECT * FROM outgoing WHERE seq = ?", (seq,))
        headers = json.loads(row["headers"])
        return _Message(row["seq"], row["lane"], row["url"], headers, row["body"])

    def _collect(self) -> None:
        for lane, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[lane]
                task.result()

    async def _send(self, message: _Message) -> None:
        wait = self._waits.pop(message.lane, 0.0)
        await asyncio.sleep(wait)
        try:
            answer = await self._client.post(
                message.url, content=message.body.encode(), headers=message.headers
            )
            status = answer.status_code
        except httpx2.HTTPError:
            status = NO_ANSWER
        final = self._judge(status) is Verdict.FINAL
        if not final:
            self._waits[message.lane] = min(max(_FIRST_WAIT, wait * 2), _LONGEST_WAIT)

        def work(tx: sqlite3.Connection) -> None:
            tx.execute(
                "UPDATE outgoing SET attempts = attempts + 1, answer = ? WHERE seq = ?",
                (status if final else None, message.seq),
            )

        await self._store.write(work)
