"""`songtor up`: started, looked at, started a second time, stopped, found again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from sandbox.hub.running import Running
from sandbox.supervisor.state import StateFolder, born
from tests.e2e.songtor import Songtor, processes
from tests.samples import report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest_asyncio.fixture(scope="module")
async def hub(folder: Path) -> AsyncIterator[Songtor]:
    command = await Songtor.start("up", "--data", str(folder))
    await command.says("everything is up")
    yield command
    await command.kill()


def running(folder: Path) -> Running:
    found = Running.from_folder(StateFolder(folder))
    assert found is not None
    return found


async def take_a_report(hub: Running, key: str) -> dict[str, str]:
    async with httpx2.AsyncClient(base_url=hub.gateway, timeout=10) as client:
        answer = await client.post("/v1/reports", json=report(), headers={"Idempotency-Key": key})
    assert answer.status_code in {200, 201}
    receipt: dict[str, str] = answer.json()
    return receipt


async def test_a_second_one_says_what_runs_and_starts_nothing(hub, folder):
    code, said = await Songtor.run("up", "--data", str(folder))
    assert code == 0
    assert "a hub already runs" in said
    assert running(folder).gateway in said


async def test_status_names_every_process_and_address(hub, folder):
    code, said = await Songtor.run("status", "--data", str(folder))
    assert code == 0
    assert {"postgres", "nats", "intake", "gateway", "adapter-police", "standin-ngo"} <= set(
        said.split()
    )
    assert running(folder).mailbox in said


async def test_the_clock_is_moved_for_every_process(hub, folder):
    code, said = await Songtor.run("clock", "advance", "25h", "--data", str(folder))
    assert code == 0
    receipt = await take_a_report(running(folder), "after-the-move")
    assert receipt["accepted_at"][:13] >= said.strip()[:13]


async def test_nonsense_is_refused_with_what_to_write(hub, folder):
    code, said = await Songtor.run("clock", "advance", "soon", "--data", str(folder))
    assert code == 2
    assert "write 90s, 30m, 25h or 2d" in said


async def test_where_nothing_runs_it_says_how_to_start_one(tmp_path):
    code, said = await Songtor.run("status", "--data", str(tmp_path / "nowhere"))
    assert code == 1
    assert "songtor up" in said


async def test_no_secret_is_printed(hub, folder):
    secrets = [path.read_text().strip() for path in (folder / "secrets").iterdir()]
    passwords = [path.read_text().strip() for path in (folder / "passwords").iterdir()]
    assert len(secrets) > 5
    assert not any(secret in hub.text for secret in secrets + passwords)


async def test_ctrl_c_leaves_nothing_running_and_the_data_in_place(hub, folder):
    receipt = await take_a_report(running(folder), "before-the-stop")
    pids = [state["pid"] for state in processes(folder).values()]
    assert await hub.interrupt() == 0
    assert [born(pid) for pid in pids] == [None] * len(pids)
    again = await Songtor.start("up", "--data", str(folder))
    try:
        await again.says("everything is up")
        assert await take_a_report(running(folder), "before-the-stop") == receipt
    finally:
        assert await again.interrupt() == 0


async def test_the_logs_hold_nothing_of_what_was_told(folder):
    """Runs last: everything above has passed through every process by then."""
    words = [
        part for part in json.dumps(report(), ensure_ascii=False).split('"') if "คานารี" in part
    ]
    logs = "\n".join(path.read_text(errors="replace") for path in (folder / "logs").iterdir())
    assert words
    assert "started" in logs
    assert not any(word in logs for word in words)
