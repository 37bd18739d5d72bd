"""Waiting in tests: for a condition, never for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], *, within: float = 10) -> None:
    """Return as soon as `condition` holds; raise TimeoutError when it does not in time."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110  (the condition is another process's doing)
            await asyncio.sleep(0.01)
