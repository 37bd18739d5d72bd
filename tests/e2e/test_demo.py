"""`songtor demo` with every process killed once while it plays: none lost, none doubled."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.e2e.songtor import Songtor, processes
from tests.waiting import until


async def kill_one_after_the_other(folder: Path) -> list[str]:
    """Kill -9 each process, the next one when the last has been started again."""
    killed = []
    for name, state in processes(folder).items():
        os.kill(state["pid"], signal.SIGKILL)
        killed.append(name)

        def is_back(name: str = name, pid: int = state["pid"]) -> bool:
            return processes(folder)[name]["pid"] != pid

        await until(is_back, within=30)
    return killed


async def test_killing_every_process_once_loses_nothing_and_doubles_nothing(tmp_path):
    folder = tmp_path / "data"
    demo = await Songtor.start("demo", "--data", str(folder))
    try:
        await demo.says("working day")
        killed, code = await asyncio.gather(kill_one_after_the_other(folder), demo.ended())
    finally:
        await demo.kill()
    assert len(killed) == 18
    assert code == 0, demo.text
    assert "every referral ended as it should: none lost, none doubled" in demo.text
