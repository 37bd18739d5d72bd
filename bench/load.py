"""A load generator in a process of its own: keep-alive POSTs over raw streams, one JSON line out.

    python -m bench.load PORT PATH BODY_FILE --clients 64 --seconds 10 [--rate 1000]

Without --rate each client sends as soon as it has its answer; with it, requests are due at even
times, and a late answer counts from when its request was due. What is sent is the body file as it
is, under a fresh Idempotency-Key each.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from uuid import uuid4

import uvloop

WARM_UP_SECONDS = 2.0


class Load:
    """Sends one body again and again and notes how long each answer took."""

    def __init__(self, port: int, path: str, body: bytes) -> None:
        self._port = port
        run = uuid4().hex
        self._keys = (b"%s-%d" % (run.encode(), n) for n in itertools.count())
        self._head = (
            b"POST %s HTTP/1.1\r\nHost: songtor.example\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nIdempotency-Key: " % (path.encode(), len(body))
        )
        self._body = b"\r\n\r\n" + body
        self.latencies: list[float] = []
        self.failures = 0
        self.answers = 0
        self.open = False

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(self._head + next(self._keys) + self._body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return head.startswith(b"HTTP/1.1 201")

    def _note(self, began: float, good: bool) -> None:
        self.answers += 1
        if self.open:
            if good:
                self.latencies.append(time.perf_counter() - began)
            else:
                self.failures += 1

    async def closed_loop(self) -> None:
        """Be one client that is never idle."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            began = time.perf_counter()
            self._note(began, await self._ask(reader, writer))

    async def paced(self, due: asyncio.Queue[float]) -> None:
        """Be one client that takes the next request that is due."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            at = await due.get()
            self._note(at, await self._ask(reader, writer))


async def pace(due: asyncio.Queue[float], rate: float) -> None:
    """Make requests due at even times."""
    at = time.perf_counter()
    while True:
        at += 1 / rate
        pause = at - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        due.put_nowait(at)


async def run(arguments: argparse.Namespace) -> dict[str, float | int]:
    """Load the server and return what came of it."""
    load = Load(arguments.port, arguments.path, arguments.body.read_bytes())
    due: asyncio.Queue[float] = asyncio.Queue()
    work = [
        load.paced(due) if arguments.rate else load.closed_loop() for _ in range(arguments.clients)
    ]
    if arguments.rate:
        work.append(pace(due, arguments.rate))
    tasks = [asyncio.create_task(item) for item in work]
    await asyncio.sleep(WARM_UP_SECONDS)
    load.open, began = True, time.perf_counter()
    done, _ = await asyncio.wait(
        tasks, timeout=arguments.seconds, return_when=asyncio.FIRST_COMPLETED
    )
    load.open, seconds = False, time.perf_counter() - began
    for task in done:
        task.result()  # a client that ended has met an error
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sorted_ms = sorted(latency * 1000 for latency in load.latencies)
    return {
        "per_second": round(len(sorted_ms) / seconds, 1),
        "p50_ms": round(sorted_ms[len(sorted_ms) // 2], 2),
        "p99_ms": round(sorted_ms[len(sorted_ms) * 99 // 100], 2),
        "failures": load.failures,
        "answers": load.answers,
    }


def main() -> None:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(run(parser.parse_args()))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
