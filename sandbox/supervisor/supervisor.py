"""Brings a plan up, keeps its processes alive, and takes them down in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sandbox.nursery import Nursery
from sandbox.process import Child, ProcessError, log_tail
from sandbox.supervisor.plan import GRACE, Job, Member, Part, Plan, Step, StopRank, check
from sandbox.supervisor.state import ProcessState, StateFolder, born

HEALTHY_AFTER = 5.0
LONGEST_PAUSE = 0.9
FIRST_TRIES = 5


class Happening(StrEnum):
    """What can be told about a part of the plan."""

    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to part `name`, `seconds` after it began."""

    name: str
    what: Happening
    seconds: float
    detail: str = ""


@dataclass(slots=True)
class _Running:
    member: Member
    child: Child
    status: Happening = Happening.STARTING
    restarts: int = 0


class Supervisor:
    """Runs one plan. `tell` hears every event and must not block."""

    def __init__(
        self,
        plan: Plan,
        *,
        folder: StateFolder,
        tell: Callable[[Event], None],
        preload: Sequence[str] = (),
    ) -> None:
        """`preload` names modules that a nursery imports once for all Python processes."""
        check(plan)
        self._preload = preload
        self._warming: asyncio.Task[Nursery | None] | None = None
        self._plan = plan
        self._folder = folder
        self._tell = tell
        self._done = {part.name: asyncio.Event() for part in plan}
        self._running: dict[str, _Running] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Bring everything up, at once where nothing is waited for; raise ProcessError if not.

        What runs by then is left running: the caller stops it.
        """
        self._warming = asyncio.create_task(self._warm_up())
        try:
            async with asyncio.TaskGroup() as group:
                for part in self._plan:
                    group.create_task(self._bring_up(part))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def stop(self) -> None:
        """Stop everything, rank after rank; a rank that dawdles is killed."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for rank in StopRank:
            members = [it for it in self._running.values() if it.member.rank is rank]
            await asyncio.gather(*(self._take_down(it) for it in members))
        if self._warming is not None:
            self._warming.cancel()
            [nursery] = await asyncio.gather(self._warming, return_exceptions=True)
            if isinstance(nursery, Nursery):
                await nursery.close()
        self._publish()

    def kill(self) -> None:
        """Kill everything now: the second Ctrl-C."""
        self._stopping = True
        for running in self._running.values():
            running.child.signal(signal.SIGKILL)

    def states(self) -> Sequence[ProcessState]:
        """Return what runs, in the order of the plan."""
        running = (self._running.get(part.name) for part in self._plan)
        return [
            ProcessState(
                name=it.member.name,
                rank=it.member.rank.name.lower(),
                pid=it.child.pid,
                born=born(it.child.pid),
                status=it.status.value,
                restarts=it.restarts,
                log=str(it.child.spec.log),
            )
            for it in running
            if it is not None
        ]

    async def _warm_up(self) -> Nursery | None:
        """Return a nursery that has imported its modules, or None: then nobody waits for one."""
        if not self._preload:
            return None
        nursery = await Nursery.open(self._preload, log=self._folder.logs / "nursery.log")
        if nursery is None:
            return None
        try:
            if await nursery.warm():
                return nursery
        except asyncio.CancelledError:
            await nursery.close()
            raise
        await nursery.close()
        return None

    async def _spawn(self, part: Member | Job) -> Child:
        spec = part.make()
        # Importing by itself takes as long as waiting for the nursery, and the machine's time.
        warming = self._warming if spec.module else None
        nursery = None if warming is None else await asyncio.shield(warming)
        return await Child.spawn(spec, nursery)

    async def _bring_up(self, part: Part) -> None:
        for need in part.needs:
            await self._done[need].wait()
        began = time.monotonic()
        match part:
            case Step():
                await part.run()
            case Job():
                await self._run_to_end(part)
            case Member():
                running = _Running(part, await self._spawn(part))
                self._running[part.name] = running
                await self._first_start(running)
                self._keepers.append(asyncio.create_task(self._keep(running)))
        self._tell(Event(part.name, Happening.READY, time.monotonic() - began))
        self._done[part.name].set()

    async def _run_to_end(self, job: Job) -> None:
        for tries_left in reversed(range(FIRST_TRIES)):
            child = await self._spawn(job)
            try:
                async with asyncio.timeout(job.ends_within):
                    code = await child.wait()
            except (TimeoutError, asyncio.CancelledError):
                await child.stop(0)
                raise
            # A job is safe to repeat, so one that was killed is; one that gave up has a reason.
            if code == 0:
                return
            if code > 0 or tries_left == 0:
                story = f"{job.name} ended with {code}; see {child.spec.log}"
                raise ProcessError(f"{story}\n{log_tail(child.spec.log)}")

    async def _first_start(self, running: _Running) -> None:
        """Wait until it is ready; one that ends early gets a few more tries before we give up."""
        for tries_left in reversed(range(FIRST_TRIES)):
            self._publish()
            try:
                await running.child.wait_ready(running.member.ready_within)
            except ProcessError as error:
                if tries_left == 0 or running.child.exit_code is None:
                    raise
                self._set(running, Happening.DIED, detail=str(error))
                await asyncio.sleep(LONGEST_PAUSE / FIRST_TRIES)
                await self._start_again(running)
            else:
                running.status = Happening.READY
                self._publish()
                return

    async def _keep(self, running: _Running) -> None:
        """Start it again whenever it ends: at once, or a little later if that happens often."""
        quick_ends = 0
        while True:
            code = await running.child.wait()
            lived = time.monotonic() - running.child.started_at
            self._set(running, Happening.DIED, seconds=lived, detail=f"exit code {code}")
            quick_ends = 0 if lived > HEALTHY_AFTER else quick_ends + 1
            await asyncio.sleep(min(0.1 * quick_ends, LONGEST_PAUSE))
            await self._start_again(running)
            try:
                await running.child.wait_ready(running.member.ready_within)
            except ProcessError:
                await running.child.stop(GRACE[running.member.rank])
            else:
                took = time.monotonic() - running.child.started_at
                self._set(running, Happening.READY, seconds=took)

    async def _start_again(self, running: _Running) -> None:
        running.child = await self._spawn(running.member)
        running.restarts += 1
        self._set(running, Happening.STARTING)

    async def _take_down(self, running: _Running) -> None:
        began = time.monotonic()
        await running.child.stop(GRACE[running.member.rank])
        self._set(running, Happening.STOPPED, seconds=time.monotonic() - began)

    def _set(
        self, running: _Running, what: Happening, *, seconds: float = 0, detail: str = ""
    ) -> None:
        running.status = what
        self._publish()
        self._tell(Event(running.member.name, what, seconds, detail))

    def _publish(self) -> None:
        self._folder.write_processes(self.states())
