"""The whole way of a report: `python -m bench.end_to_end [--seconds N] [--rounds N]`.

POST at the gateway -> routed -> in the agency's system -> accepted there -> heard at the operators'
stream. The hub is the sandbox's own (five services as processes over mTLS, durable PostgreSQL and
NATS) with `bench.fast_adapter` in the hospitals' place and `bench.sink` behind it. The floor is
`bench.chain_floor`: the same hops, commits and messages with no logic. Rounds alternate. First as
many as can be kept in flight, then half of that at an even pace, then one report alone at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from nats.aio.msg import Msg

from bench.chain_floor import DONE
from bench.intake import REPORT
from bench.machine import cpu_seconds, describe
from cli.rollout import Rollout
from mesh.messaging import Bus, connect
from sandbox.hub import keys
from sandbox.hub.hub import Hub
from sandbox.hub.layout import Layout
from sandbox.hub.programs import Catalogue, Program
from sandbox.ports import LOCALHOST, free_ports
from sandbox.process import Child, ProcessSpec
from sandbox.servers.nats import NatsServer
from sandbox.servers.postgres import PostgresServer
from sandbox.supervisor.plan import StopRank
from sandbox.supervisor.state import StateFolder

CONNECTIONS = 64
WARM_UP_SECONDS = 3.0
ALONE = 20
IN_FLIGHT = 512
WITHIN_SECONDS = 30.0


class BenchCatalogue(Catalogue):
    """The sandbox's programs with one fast agency instead of five real-looking ones."""

    def __init__(self, layout: Layout, ports: Mapping[str, int], *, sink: int) -> None:
        super().__init__(layout, ports)
        self._sink = sink

    def adapters(self) -> list[Program]:
        """Return the one adapter."""
        return [
            Program(
                "adapter-public_health",
                "bench.fast_adapter",
                StopRank.EDGE,
                identity=("adapter", "public_health"),
                schema="adapter_public_health",
                needs=("migrations",),
                settings={
                    "SONGTOR_AGENCY_URL": f"http://{LOCALHOST}:{self._sink}",
                    "SONGTOR_POLL_SECONDS": "0.02",
                },
            )
        ]

    def standins(self) -> list[Program]:
        """Return nothing but the desks' mail."""
        return [self.mailbox()]


class Way(ABC):
    """Something that takes reports by POST and tells when one has come back."""

    def __init__(self, port: int, path: str, headers: bytes) -> None:
        self._head = b"POST %s HTTP/1.1\r\nHost: songtor\r\n%s" % (path.encode(), headers)
        self._port = port
        self._idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._idle = asyncio.Queue()
        self._sent: dict[str, float] = {}
        self._early: dict[str, float] = {}
        self._room = asyncio.Semaphore(IN_FLIGHT)
        self.seconds: list[float] = []
        self.processes: dict[str, int] = {}

    @abstractmethod
    async def hear(self) -> None:
        """Call `came_back` for each case that came back, until cancelled."""

    async def open(self) -> None:
        """Connect."""
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(await asyncio.open_connection(LOCALHOST, self._port))

    async def send(self, body: bytes, due: float) -> None:
        """Post one report; it counts from when it was due."""
        await self._room.acquire()
        reader, writer = await self._idle.get()
        writer.write(
            self._head
            + b"Content-Type: application/json\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n"
            % (uuid4().hex.encode(), len(body))
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        self._idle.put_nowait((reader, writer))
        if not head.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(f"the report was refused: {answer.decode()}")
        case_id: str = json.loads(answer)["case_id"]
        self._sent[case_id] = due
        if case_id in self._early:
            self.came_back(case_id, self._early.pop(case_id))

    def came_back(self, case_id: str, at: float) -> None:
        """Note that a case's status is here; its receipt may still be on its way."""
        due = self._sent.pop(case_id, None)
        if due is None:
            self._early[case_id] = at
            return
        self.seconds.append(at - due)
        self._room.release()

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while self._sent:  # noqa: ASYNC110 what comes back is another process's doing
                await asyncio.sleep(0.02)


class HubWay(Way):
    """The hub, heard at the operators' stream."""

    def __init__(self, port: int, door_key: str, operator_key: str) -> None:
        super().__init__(port, "/v1/reports", b"Authorization: Bearer %s\r\n" % door_key.encode())
        self._operator_key = operator_key

    async def hear(self) -> None:
        """Read the stream of events."""
        reader, writer = await asyncio.open_connection(LOCALHOST, self._port, limit=2**20)
        writer.write(
            b"GET /v1/events HTTP/1.1\r\nHost: songtor\r\nAuthorization: Bearer %s\r\n\r\n"
            % self._operator_key.encode()
        )
        while line := await reader.readline():
            if line.startswith(b"data: ") and b'"state":"accepted"' in line:
                self.came_back(json.loads(line[6:])["case_id"], time.perf_counter())


class FloorWay(Way):
    """The floor, heard on core NATS."""

    def __init__(self, port: int, bus: Bus) -> None:
        super().__init__(port, "/", b"")
        self._bus = bus

    async def hear(self) -> None:
        """Hear what is done."""

        async def done(message: Msg) -> None:
            self.came_back(str(UUID(bytes=message.data)), time.perf_counter())

        await self._bus.subscribe(DONE, done)
        await asyncio.Event().wait()


def body(size: int) -> bytes:
    """Return a report of `size` bytes that one hospital in Chiang Mai is responsible for."""
    told = REPORT | {"channel": "website", "problem_types": ["unready_pregnancy"]}
    empty = json.dumps(told | {"narrative": ""}, ensure_ascii=False).encode()
    letters, rest = divmod(size - len(empty), 3)
    return json.dumps(told | {"narrative": "ก" * letters + "." * rest}, ensure_ascii=False).encode()


async def flood(way: Way, report: bytes, seconds: float) -> tuple[float, dict[str, float]]:
    """Keep IN_FLIGHT reports on their way.

    Return how many came back a second, and the processor time of each process a report, in ms.
    """
    stop = time.perf_counter() + WARM_UP_SECONDS + seconds

    async def client() -> None:
        while time.perf_counter() < stop:
            await way.send(report, time.perf_counter())

    clients = [asyncio.create_task(client()) for _ in range(CONNECTIONS)]
    await asyncio.sleep(WARM_UP_SECONDS)
    before, began = len(way.seconds), time.perf_counter()
    used = {name: cpu_seconds(pid) for name, pid in way.processes.items()}
    await asyncio.sleep(seconds)
    done, took = len(way.seconds) - before, time.perf_counter() - began
    cost = {
        name: round((cpu_seconds(pid) - used[name]) * 1000 / max(done, 1), 3)
        for name, pid in way.processes.items()
    }
    await asyncio.gather(*clients)
    await way.settled()
    return done / took, cost


async def paced(way: Way, report: bytes, rate: float, seconds: float) -> list[float]:
    """Send at an even pace; return the seconds each took, sorted."""
    way.seconds.clear()
    at, tasks = time.perf_counter(), []
    for _ in range(int(rate * seconds)):
        at += 1 / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        tasks.append(asyncio.create_task(way.send(report, at)))
    await asyncio.gather(*tasks)
    await way.settled()
    return sorted(way.seconds)


async def alone(way: Way, report: bytes) -> float:
    """Send one at a time; return the median seconds."""
    way.seconds.clear()
    for _ in range(ALONE):
        await way.send(report, time.perf_counter())
        await way.settled()
    return statistics.median(way.seconds)


@asynccontextmanager
async def hub_way(folder: Path) -> AsyncIterator[HubWay]:
    """Bring the hub up with the fast agency."""
    folder_state = StateFolder(folder)
    folder_state.acquire()
    (sink_port,) = free_ports(1)

    hub = Hub(
        folder_state,
        look=Rollout.of_this_version,
        tell=lambda _: None,
        catalogue=partial(BenchCatalogue, sink=sink_port),
    )
    sink = await _child(folder, "sink", "bench.sink", str(sink_port), port=sink_port)
    try:
        running = await hub.start()
        port = int(running.gateway.rpartition(":")[2])
        way = HubWay(port, keys.read(hub.layout, "doors"), keys.read(hub.layout, "operator"))
        way.processes = {state.name: state.pid for state in folder_state.processes()}
        yield way
    finally:
        await hub.stop()
        await sink.stop(2)
        folder_state.release()


@asynccontextmanager
async def floor_way(folder: Path) -> AsyncIterator[FloorWay]:
    """Bring the floor up."""
    async with AsyncExitStack() as stack:
        postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log")
        stack.push_async_callback(postgres.stop)
        await postgres.start()
        nats = NatsServer(folder / "nats", log=folder / "nats.log")
        stack.push_async_callback(nats.stop)
        await nats.start()
        door, sink_port = free_ports(2)
        for name, module, words, port in (
            ("sink", "bench.sink", (str(sink_port),), sink_port),
            ("door", "bench.chain_floor", ("door", str(door)), door),
            ("middle", "bench.chain_floor", ("middle", "0"), None),
            ("carrier", "bench.chain_floor", ("carrier", "0"), None),
        ):
            rest = () if name == "sink" else (postgres.url(), nats.url, str(sink_port))
            child = await _child(folder, name, module, *words, *rest, port=port)
            stack.push_async_callback(child.stop, 2)
        bus = await connect(nats.url, None)
        stack.push_async_callback(bus.close)
        yield FloorWay(door, bus)


async def _child(folder: Path, name: str, *line: str, port: int | None) -> Child:
    spec = ProcessSpec(
        name,
        (sys.executable, "-m", *line),
        folder / f"{name}.log",
        partial(_listens, port),
    )
    child = await Child.spawn(spec)
    await child.wait_ready(WITHIN_SECONDS)
    return child


async def _listens(port: int | None) -> bool:
    if port is None:
        return True
    try:
        _, writer = await asyncio.open_connection(LOCALHOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def measure(way: Way, report: bytes, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure one way whole."""
    await way.open()
    hearing = asyncio.create_task(way.hear())
    await asyncio.sleep(0.5)
    rate, cost = await flood(way, report, arguments.seconds)
    half = await paced(way, report, rate / 2, arguments.seconds)
    lonely = await alone(way, report)
    hearing.cancel()
    return {
        "per_second": round(rate, 1),
        "half_load_p50_ms": round(half[len(half) // 2] * 1000, 1),
        "half_load_p95_ms": round(half[len(half) * 95 // 100] * 1000, 1),
        "alone_ms": round(lonely * 1000, 1),
        "cpu_ms_per_report": dict(sorted(cost.items(), key=lambda item: -item[1])),
    }


async def run(arguments: argparse.Namespace) -> dict[str, object]:
    """Measure both ways in turn and return the line to print."""
    report = body(arguments.size)
    found: dict[str, list[dict[str, Any]]] = {"hub": [], "floor": []}
    for _ in range(arguments.rounds):
        for name, opened in (("floor", floor_way), ("hub", hub_way)):
            with tempfile.TemporaryDirectory(prefix="songtor-bench-") as folder:
                os.chmod(folder, 0o711)  # noqa: PTH101, S103 PostgreSQL may enter it as another user
                async with opened(Path(folder)) as way:
                    found[name].append(await measure(way, report, arguments))
    medians = {
        name: {
            key: statistics.median(one[key] for one in lines)
            for key in lines[0]
            if key != "cpu_ms_per_report"
        }
        for name, lines in found.items()
    }
    return {
        "bench": "end_to_end",
        "bytes": arguments.size,
        "in_flight": IN_FLIGHT,
        **medians["hub"],
        "cpu_ms_per_report": found["hub"][-1]["cpu_ms_per_report"],
        "floor": medians["floor"],
        "ratio": round(medians["hub"]["per_second"] / medians["floor"]["per_second"], 3),
        **describe(),
    }


def main() -> None:
    """Read the command line, measure, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--size", type=int, default=2_000)
    # Not uvloop: it cannot start a process as another user, which PostgreSQL needs under root.
    sys.stdout.write(json.dumps(asyncio.run(run(parser.parse_args()))) + "\n")


if __name__ == "__main__":
    main()
