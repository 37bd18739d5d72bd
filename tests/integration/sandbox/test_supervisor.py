"""The supervisor, over real processes that are killed, deaf, late or gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from sandbox.ports import LOCALHOST, free_port
from sandbox.probes import http_ok
from sandbox.process import ProcessError, ProcessSpec, python_process
from sandbox.supervisor.plan import Member, Step, StopRank
from sandbox.supervisor.state import AlreadyRunningError, StateFolder, born
from sandbox.supervisor.supervisor import Happening, Supervisor
from tests.waiting import until

ANSWERING = Path(__file__).parents[2] / "fakes" / "answering.py"
LIMIT = 10


class Hub:
    """A supervisor over answering processes, and everything that it told."""

    def __init__(self, folder: Path, preload: tuple[str, ...] = ()) -> None:
        self._preload = preload
        self.state = StateFolder(folder)
        self.state.acquire()
        self.plan: list[Member | Step] = []
        self.events: list[tuple[str, Happening]] = []
        self._supervisor: Supervisor | None = None

    def member(
        self, name: str, *options: str, rank=StopRank.SERVICE, needs=(), module: str = ""
    ) -> int:
        port = free_port()
        log, ready = self.state.logs / f"{name}.log", partial(http_ok, LOCALHOST, port, "/readyz")
        command = (sys.executable, "-S", str(ANSWERING), str(port), *options)
        spec = ProcessSpec(name, command, log, ready)
        if module:
            port_is = {"PORT": str(port)}
            spec = python_process(name, module, log=log, ready=ready, environment=port_is)
        self.plan.append(Member(name, rank, lambda: spec, needs, ready_within=LIMIT))
        return port

    async def start(self) -> None:
        self._supervisor = Supervisor(
            self.plan, folder=self.state, tell=self._remember, preload=self._preload
        )
        await self._supervisor.start()

    async def stop(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop()
            self._supervisor = None
        self.state.release()

    def nursery_pid(self) -> int:
        children = Path("/proc/self/task") / str(os.getpid()) / "children"
        pids = [int(word) for word in children.read_text().split()]
        return next(pid for pid in pids if b"sandbox.nursery" in about(pid, "cmdline"))

    def pid(self, name: str) -> int:
        return next(state.pid for state in self.state.processes() if state.name == name)

    def restarts(self, name: str) -> int:
        return next(state.restarts for state in self.state.processes() if state.name == name)

    async def expects(self, name: str, what: Happening, *, times: int = 1) -> None:
        await until(lambda: self.events.count((name, what)) >= times)

    def order(self, what: Happening) -> list[str]:
        return [name for name, happened in self.events if happened is what]

    def _remember(self, event) -> None:
        self.events.append((event.name, event.what))


@pytest.fixture
async def hub(private_folder):
    hub = Hub(private_folder)
    yield hub
    await hub.stop()


async def test_a_part_starts_only_after_what_it_needs(hub):
    done = asyncio.Event()

    async def migrate() -> None:
        assert await http_ok(LOCALHOST, database, "/readyz")
        done.set()

    hub.member("intake", needs=("migrations",))
    database = hub.member("database", rank=StopRank.DATABASE)
    hub.plan.append(Step("migrations", migrate, ("database",)))
    await hub.start()
    assert done.is_set()
    assert hub.order(Happening.READY) == ["database", "migrations", "intake"]


async def test_a_killed_process_comes_back_on_its_port(hub):
    port = hub.member("intake")
    await hub.start()
    first = hub.pid("intake")
    os.kill(first, signal.SIGKILL)
    await hub.expects("intake", Happening.READY, times=2)
    assert await http_ok(LOCALHOST, port, "/readyz")
    assert hub.pid("intake") != first
    assert hub.restarts("intake") == 1


async def test_a_process_that_is_killed_again_and_again_still_comes_back(hub):
    hub.member("intake")
    await hub.start()
    for round_ in range(1, 4):
        os.kill(hub.pid("intake"), signal.SIGKILL)
        await hub.expects("intake", Happening.READY, times=1 + round_)
    assert hub.restarts("intake") == 3


async def test_one_that_fails_at_first_gets_another_try(hub, private_folder):
    hub.member("intake", "--fail-until", str(private_folder / "tried"))
    await hub.start()
    assert hub.order(Happening.DIED) == ["intake"]


async def test_one_that_never_starts_is_an_error_with_its_last_words(hub, private_folder):
    hub.member("intake", "--fail-until", "/nonexistent/folder/file")
    with pytest.raises(ProcessError, match="intake ended with 1 before it was ready") as raised:
        await hub.start()
    assert "FileNotFoundError" in str(raised.value)


async def test_callers_stop_before_those_they_call_and_the_deaf_are_killed(hub):
    hub.member("database", rank=StopRank.DATABASE)
    hub.member("broker", "--deaf", rank=StopRank.BROKER)
    hub.member("adapter", rank=StopRank.EDGE)
    hub.member("gateway", rank=StopRank.GATEWAY)
    hub.member("intake", "--deaf")
    await hub.start()
    pids = [hub.pid(part.name) for part in hub.plan]
    began = time.monotonic()
    await hub.stop()
    assert time.monotonic() - began < 3
    assert hub.order(Happening.STOPPED) == ["gateway", "intake", "adapter", "broker", "database"]
    assert [born(pid) for pid in pids] == [None] * 5


async def test_a_second_supervisor_is_told_who_runs(hub, private_folder):
    second = StateFolder(private_folder)
    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
        second.acquire()
    assert second.owner() == os.getpid()
    hub.state.release()
    assert second.owner() is None


async def test_ports_are_the_same_next_time(private_folder):
    wanted = {"gateway": None, "intake": None}
    ports = StateFolder(private_folder).ports(wanted)
    assert StateFolder(private_folder).ports(wanted) == ports
    assert len(set(ports.values())) == 2


async def test_a_preferred_port_that_is_taken_is_left_to_its_owner(private_folder, hub):
    taken = hub.member("somebody")
    await hub.start()
    assert StateFolder(private_folder).ports({"gateway": taken})["gateway"] != taken


SUPERVISOR = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from tests.integration.sandbox.test_supervisor import Hub

    async def main():
        hub = Hub(Path(sys.argv[1]))
        hub.member("intake")
        hub.member("adapter", "--deaf")
        await hub.start()
        print("up", flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
    """
)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
async def test_children_do_not_outlive_a_killed_supervisor(private_folder):
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISOR, str(private_folder), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    assert await supervisor.stdout.readline() == b"up\n"
    left = {state.name: state.pid for state in StateFolder(private_folder).processes()}
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: born(left["intake"]) is None)
    assert born(left["adapter"]) is not None  # deaf: the next supervisor must end it
    next_one = StateFolder(private_folder)
    next_one.acquire()
    await next_one.clear_leftovers()
    assert born(left["adapter"]) is None
    next_one.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a nursery's children be ours")
class TestNursery:
    """Children that are forked ready-made are processes like all others."""

    @pytest.fixture
    async def nursed(self, private_folder):
        hub = Hub(private_folder, preload=("http.server",))
        hub.member("intake", module="tests.fakes.answering")
        await hub.start()
        yield hub
        await hub.stop()

    async def test_a_child_is_ours_and_named_after_its_module(self, nursed):
        pid = nursed.pid("intake")
        named = [sys.executable.encode(), b"-m", b"tests.fakes.answering"]
        assert about(pid, "cmdline").rstrip(b"\0").split(b"\0") == named
        parent, group = about(pid, "stat").rpartition(b")")[2].split()[1:3]
        assert (int(parent), int(group)) == (os.getpid(), pid)

    async def test_a_killed_child_comes_back(self, nursed):
        os.kill(nursed.pid("intake"), signal.SIGKILL)
        await nursed.expects("intake", Happening.READY, times=2)
        assert nursed.restarts("intake") == 1

    async def test_a_killed_nursery_is_missed_by_nobody(self, nursed):
        os.kill(nursed.nursery_pid(), signal.SIGKILL)
        os.kill(nursed.pid("intake"), signal.SIGKILL)
        await nursed.expects("intake", Happening.READY, times=2)

    async def test_stopping_reaches_it(self, nursed):
        pid = nursed.pid("intake")
        await nursed.stop()
        assert nursed.order(Happening.STOPPED) == ["intake"]
        assert born(pid) is None


def about(pid: int, what: str) -> bytes:
    return Path(f"/proc/{pid}/{what}").read_bytes()


async def test_a_nursery_that_cannot_import_is_done_without(private_folder):
    hub = Hub(private_folder, preload=("no_such_module_anywhere",))
    hub.member("intake", module="tests.fakes.answering")
    try:
        await hub.start()
        assert hub.order(Happening.READY) == ["intake"]
    finally:
        await hub.stop()
