"""What the README tells a newcomer to type, typed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.hub.running import Running
from sandbox.supervisor.state import StateFolder
from tests.e2e.songtor import ROOT, Songtor
from tests.waiting import until

SECTION = "## Ten minutes to a report of your own"


def commands() -> list[str]:
    """Return the blocks that are typed into the second terminal, in order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest_asyncio.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The hub that the first terminal brings up."""
    folder = tmp_path_factory.mktemp("readme") / "data"
    command = await Songtor.start("up", "--data", str(folder))
    await command.says("everything is up")
    running = Running.from_folder(StateFolder(folder))
    assert running is not None
    yield running
    await command.interrupt()


class Terminal:
    """One shell: each block sees the names that the ones before it gave."""

    def __init__(self, running: Running, shell: asyncio.subprocess.Process) -> None:
        self._running = running
        self._shell = shell

    async def type(self, block: str) -> str:
        """Return what `block` prints; one that fails ends the shell, and the test."""
        here = block.replace("http://127.0.0.1:8300", self._running.gateway)
        here = here.replace(".songtor/", f"{self._running.folder}/")
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{here}\nprintf '\\0'\n".encode())
        async with asyncio.timeout(20):
            output = await self._shell.stdout.readuntil(b"\0")
        return output[:-1].decode()


@pytest_asyncio.fixture
async def terminal(hub: Running) -> AsyncIterator[Terminal]:
    """The newcomer's second terminal."""
    pipe = asyncio.subprocess.PIPE
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", stdin=pipe, stdout=pipe
    )
    yield Terminal(hub, shell)
    assert shell.stdin is not None
    shell.stdin.close()
    await shell.wait()


async def test_a_newcomer_reports_follows_and_sees_who_helps(terminal: Terminal) -> None:
    report, follow, see, mistake = commands()
    receipt = json.loads(await terminal.type(report))
    assert json.loads(await terminal.type(report)) == receipt
    assert json.loads(await terminal.type(follow))["status"] in ("received", "helping")

    async def decided() -> bool:
        seen = json.loads(await terminal.type(see))
        assert seen["case_id"] == receipt["case_id"]
        return bool(seen["referrals"] and seen["referrals"][0]["assignments"])

    await until(decided, within=20)
    problem = json.loads(await terminal.type(mistake))
    assert (problem["status"], problem["errors"][0]["field"]) == (422, "province")
    assert re.search(r"[ก-๙]", problem["detail"])
