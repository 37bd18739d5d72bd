"""Group commit: what arrives together is done together, and each caller gets its own answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from mesh.errors import ResourceExhaustedError, UnavailableError

I = TypeVar("I")  # noqa: E741 the item
O = TypeVar("O")  # noqa: E741 the outcome


class GroupCommit(Generic[I, O]):
    """Collects items while earlier ones are being done, then does all that wait in one call.

    `flush` gets up to `batch` items and returns as many outcomes in their order; an exception of it
    reaches every caller of that batch. A caller that is cancelled does not undo its item. At most
    `waiting` items wait; more are refused with `ResourceExhaustedError`, nothing done. Closing does
    what waits and refuses what comes.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[I]], Awaitable[Sequence[O]]],
        *,
        batch: int = 500,
        lanes: int = 2,
        linger: float = 0.001,
        waiting: int = 10_000,
    ) -> None:
        self._flush = flush
        self._batch = batch
        self._lanes = lanes
        self._linger = linger
        self._limit = waiting
        self._queue: deque[tuple[I, asyncio.Future[O]]] = deque()
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    async def __aenter__(self) -> GroupCommit[I, O]:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._lanes)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)

    async def submit(self, item: I) -> O:
        """Hand in one item and wait for its outcome."""
        return await self._enqueue(item)

    async def submit_all(self, items: Sequence[I]) -> list[O]:
        """Hand in items that belong together and wait for all outcomes, in order."""
        self._admit(len(items))
        return list(await asyncio.gather(*[self._enqueue(item) for item in items]))

    def _enqueue(self, item: I) -> asyncio.Future[O]:
        self._admit(1)
        future: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._queue.append((item, future))
        self._arrived.set()
        return future

    def _admit(self, items: int) -> None:
        if self._closing:
            raise UnavailableError("this process is stopping; ask another", reason="STOPPING")
        if len(self._queue) + items > self._limit:
            raise ResourceExhaustedError(
                "too many requests are waiting; send the same again in a moment",
                reason="QUEUE_FULL",
            )

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            if self._linger and len(self._queue) < self._batch:
                # A moment for what is on its way: it rides along instead of paying for a commit.
                await asyncio.sleep(self._linger)
            batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            if not self._queue and not self._closing:
                self._arrived.clear()
            if batch:
                await self._do(batch)
            elif self._closing:
                return

    async def _do(self, batch: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            outcomes = await self._flush([item for item, _ in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError("a flush must answer every item")
        except Exception as error:  # noqa: BLE001 every caller of the batch gets it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)
