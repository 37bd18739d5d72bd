"""Group commit: what arrives together is done together, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from mesh.batching import GroupCommit
from mesh.errors import ResourceExhaustedError, UnavailableError


class Floor:
    """Does batches when it is let, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.fails: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        self.begun.set()
        await self.open.wait()
        if self.fails is not None:
            raise self.fails
        return [f"done {item}" for item in items]


@asynccontextmanager
async def commits(floor: Floor, **options: int | float) -> AsyncIterator[GroupCommit[int, str]]:
    async with asyncio.timeout(10), GroupCommit(floor.flush, **options) as commit:  # type: ignore[arg-type]
        yield commit


async def test_answers_come_back_in_order_whoever_asked() -> None:
    floor = Floor()
    async with commits(floor, batch=7, lanes=3) as commit:
        answers = await asyncio.gather(
            *(commit.submit(number) for number in range(50)),
            commit.submit_all(range(100, 130)),
        )
    assert answers[:50] == [f"done {number}" for number in range(50)]
    assert answers[50] == [f"done {number}" for number in range(100, 130)]
    assert sorted(item for batch in floor.batches for item in batch) == [
        *range(50),
        *range(100, 130),
    ]


async def test_what_arrives_together_costs_one_flush() -> None:
    floor = Floor()
    async with commits(floor) as commit:
        await asyncio.gather(*(commit.submit(number) for number in range(200)))
    assert floor.batches == [list(range(200))]


async def test_what_arrives_during_a_flush_rides_on_the_next() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=1) as commit:
        first = asyncio.create_task(commit.submit(0))
        await floor.begun.wait()
        later = [asyncio.create_task(commit.submit(number)) for number in range(1, 20)]
        await asyncio.sleep(0)
        floor.open.set()
        await asyncio.gather(first, *later)
    assert floor.batches == [[0], list(range(1, 20))]


async def test_no_batch_is_larger_than_allowed() -> None:
    floor = Floor()
    async with commits(floor, batch=10) as commit:
        await commit.submit_all(range(95))
    assert max(len(batch) for batch in floor.batches) == 10
    assert sum(len(batch) for batch in floor.batches) == 95


async def test_a_second_lane_works_while_the_first_waits() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=2) as commit:
        first = asyncio.create_task(commit.submit(1))
        await floor.begun.wait()
        floor.begun.clear()
        second = asyncio.create_task(commit.submit(2))
        await floor.begun.wait()
        assert floor.batches == [[1], [2]]
        floor.open.set()
        assert [await first, await second] == ["done 1", "done 2"]


async def test_an_error_reaches_every_caller_of_its_batch_and_no_other() -> None:
    floor = Floor()
    async with commits(floor) as commit:
        floor.fails = UnavailableError("away", reason="DATABASE_UNAVAILABLE")
        failed = await asyncio.gather(
            *(commit.submit(number) for number in range(5)), return_exceptions=True
        )
        floor.fails = None
        assert await commit.submit(9) == "done 9"
    assert [type(error) for error in failed] == [UnavailableError] * 5


async def test_a_flush_that_forgets_an_item_is_an_error_for_all() -> None:
    async def forgetful(items: Sequence[int]) -> list[str]:
        return ["done"] * (len(items) - 1)

    async with GroupCommit(forgetful) as commit:
        answers = await asyncio.gather(commit.submit(1), commit.submit(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]


async def test_a_caller_that_goes_away_does_not_undo_its_item() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=1) as commit:
        gone, stays = (asyncio.create_task(commit.submit(number)) for number in (1, 2))
        await floor.begun.wait()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        floor.open.set()
        assert await stays == "done 2"
    assert floor.batches == [[1, 2]]


async def test_a_caller_that_goes_away_while_it_waits_does_not_hurt_the_rest() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=1) as commit:
        under_way = asyncio.create_task(commit.submit(0))
        await floor.begun.wait()
        gone, stays = (asyncio.create_task(commit.submit(number)) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        floor.open.set()
        assert [await under_way, await stays] == ["done 0", "done 2"]
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_more_than_may_wait_is_refused_with_nothing_done() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=1, waiting=3) as commit:
        under_way = asyncio.create_task(commit.submit(0))
        await floor.begun.wait()
        waiting = [asyncio.create_task(commit.submit(number)) for number in (1, 2)]
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError) as all_or_none:
            await commit.submit_all([3, 4])
        third = asyncio.create_task(commit.submit(3))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhaustedError):
            await commit.submit(4)
        floor.open.set()
        await asyncio.gather(under_way, *waiting, third)
    assert all_or_none.value.reason == "QUEUE_FULL"
    assert floor.batches == [[0], [1, 2, 3]]


async def test_closing_finishes_what_waits() -> None:
    floor = Floor()
    floor.open.clear()
    async with commits(floor, lanes=2, batch=2) as commit:
        tasks = [asyncio.create_task(commit.submit(number)) for number in range(9)]
        await floor.begun.wait()
        asyncio.get_running_loop().call_later(0.02, floor.open.set)
    assert [await task for task in tasks] == [f"done {number}" for number in range(9)]


async def test_who_comes_after_closing_is_told_to_go_elsewhere() -> None:
    floor = Floor()
    async with commits(floor) as commit:
        await commit.submit(1)
    async with asyncio.timeout(5):
        with pytest.raises(UnavailableError) as one:
            await commit.submit(2)
        with pytest.raises(UnavailableError):
            await commit.submit_all([3])
    assert one.value.reason == "STOPPING"
    assert floor.batches == [[1]]
