"""How fast reports are taken: `python -m bench.intake [--seconds N] [--rounds N] [--profile]`.

64 clients post a 2 kB report each time they have their answer. The hub is two processes of ours
(gateway and intake, over mTLS) with durable PostgreSQL and NATS, its relay publishing meanwhile.
The floor is `bench.floor`: `floor` writes the same durable rows, `floor_telling` sends the same
messages too. Rounds alternate, medians are compared; then the hub is asked for half of what it can,
and its p99 is noted. `<program>_us` is processor time a report, which tells more
than the rate does on a machine that others use. `--profile` shows where both processes' time goes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pstats
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.machine import describe
from mesh import migrate, topology
from mesh.identity import DevelopmentAuthority
from mesh.messaging import connect
from sandbox.ports import LOCALHOST, free_ports
from sandbox.probes import http_ok
from sandbox.process import Child, Probe, ProcessSpec
from sandbox.servers.nats import NatsAccess, NatsServer, TlsFiles
from sandbox.servers.postgres import PostgresServer
from services.gateway import topology as gateway_topology
from services.intake import keys
from services.intake import topology as intake_topology

SERVICES = Path(intake_topology.__file__).parents[1]
READY_SECONDS = 60.0
TARGETS = ("floor", "floor_telling", "hub")
REPORT = {
    "channel": "website",
    "problem_types": ["violence"],
    "place": {"province_code": "50", "district_code": "5001", "text": "ใกล้ตลาด"},
    "reporter": {"name": "ผู้แจ้ง ทดสอบ", "phone": "000-001-0001"},
    "people": [{"name": "ผู้ประสบปัญหา ทดสอบ", "age": 30, "sex": "female", "nationality": "THA"}],
    "need_summary": "ต้องการที่พักปลอดภัย",
    "safe_contact": {"channels": ["phone"], "hours": "09:00-16:00"},
    "language": "tha",
}


def body(size: int) -> bytes:
    """Return a report of `size` bytes."""
    empty = json.dumps(REPORT | {"narrative": ""}, ensure_ascii=False).encode()
    letters, rest = divmod(size - len(empty), 3)
    told = REPORT | {"narrative": "ก" * letters + "." * rest}
    return json.dumps(told, ensure_ascii=False).encode()


@dataclass(frozen=True)
class Servers:
    """What is running: where each target is, and each program's process."""

    ports: dict[str, int]
    pids: dict[str, int]


@asynccontextmanager
async def servers(folder: Path, *, profile: bool) -> AsyncIterator[Servers]:
    """Run PostgreSQL, NATS, intake, the gateway and the floor."""
    async with AsyncExitStack() as stack:
        postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log")
        stack.push_async_callback(postgres.stop)
        pids = {"postgres": (await postgres.start()).pid}
        admin = postgres.url(scheme="postgresql+asyncpg")
        for service in ("intake", "gateway"):
            await migrate.provision(admin, {service: "bench"})
            await migrate.upgrade(admin, service, SERVICES / service / "migrations")
        authority = DevelopmentAuthority(folder / "identities")
        nats, pids["nats"] = await _nats(folder, authority, stack)
        intake, gateway, floor, telling, health, second_health, nobody = free_ports(7)
        keyset = folder / "keyset.json"
        keys.create(keyset)
        told = {
            "SONGTOR_ENV": "sandbox",
            "SONGTOR_NATS_URL": nats.url,
            "SONGTOR_KEYSET": str(keyset),
            "SONGTOR_INTAKE_ADDRESS": f"{LOCALHOST}:{intake}",
            **{
                f"SONGTOR_{name}_ADDRESS": f"{LOCALHOST}:{nobody}"
                for name in ("REGISTRY", "ROUTING", "ALERTING")
            },
        }
        for name, port, check in (
            ("intake", intake, health),
            ("gateway", gateway, second_health),
        ):
            own = {
                "SONGTOR_DATABASE_URL": f"postgresql+asyncpg://songtor_{name}:bench"
                f"@{LOCALHOST}:{postgres.port}/postgres",
                "SONGTOR_IDENTITY_DIR": str(authority.issue("service", name).folder),
                "SONGTOR_LISTEN": f"{LOCALHOST}:{port}",
                "SONGTOR_HEALTH_LISTEN": f"{LOCALHOST}:{check}",
            }
            command = ("-m", f"services.{name}")
            if profile:
                command = ("-m", "cProfile", "-o", str(folder / f"{name}.prof"), *command)
            ready = partial(http_ok, LOCALHOST, check, "/readyz")
            spec = _spec(folder, name, command, ready, told | own)
            pids[name] = await _start(stack, spec)
        nats_words = (nats.url, str(authority.issue("tool", "migrate").folder))
        for name, port, more in (("floor", floor, ()), ("floor_telling", telling, nats_words)):
            bare = ("-m", "bench.floor", str(port), postgres.url(), name, *more)
            spec = _spec(folder, name, bare, partial(_listens, port), {})
            pids[name] = await _start(stack, spec)
        yield Servers({"hub": gateway, "floor": floor, "floor_telling": telling}, pids)


async def _nats(
    folder: Path, authority: DevelopmentAuthority, stack: AsyncExitStack
) -> tuple[NatsServer, int]:
    own, tool = authority.issue("server", "nats"), authority.issue("tool", "migrate")
    everything = topology.Grant(tool.peer(), (">",), (">",))
    users = [everything, intake_topology.GRANT, gateway_topology.GRANT]
    access = NatsAccess(TlsFiles(own.ca_path, own.cert_path, own.key_path), users)
    nats = NatsServer(folder / "nats", log=folder / "nats.log", access=access)
    stack.push_async_callback(nats.stop)
    pid = (await nats.start()).pid
    bus = await connect(nats.url, tool)
    # Routing's stream, of which intake reads: there is no routing here.
    streams = [
        *intake_topology.STREAMS,
        topology.Stream("REFERRAL", ("assignment.v1.>", "referral.v1.>")),
    ]
    await topology.apply(bus.jetstream, streams, intake_topology.DURABLES, replicas=1)
    await bus.close()
    return nats, pid


def _spec(
    folder: Path, name: str, command: tuple[str, ...], ready: Probe, environment: dict[str, str]
) -> ProcessSpec:
    return ProcessSpec(
        name, (sys.executable, *command), folder / f"{name}.log", ready, environment=environment
    )


async def _start(stack: AsyncExitStack, spec: ProcessSpec) -> int:
    child = await Child.spawn(spec)
    stack.push_async_callback(child.stop, 10)
    await child.wait_ready(READY_SECONDS)
    return child.pid


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOCALHOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def load(port: int, file: Path, *, seconds: float, rate: float = 0) -> dict[str, float]:
    """Load one server from a process of its own."""
    words = [str(port), "/v1/reports", str(file), "--seconds", str(seconds), "--rate", str(rate)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", *words, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    result: dict[str, float] = json.loads(out)
    return result


async def measured(
    running: Servers, target: str, file: Path, *, seconds: float, rate: float = 0
) -> dict[str, float]:
    """Load the hub or a floor, and note each program's processor time a report."""
    before = cpu_seconds(running.pids)
    result = await load(running.ports[target], file, seconds=seconds, rate=rate)
    after = cpu_seconds(running.pids)
    for name in running.pids:
        if name in TARGETS and name != target:
            continue
        used = (after[name] - before[name]) / result["answers"]
        result[f"{name}_us"] = round(used * 1e6)
    return result


def cpu_seconds(pids: dict[str, int]) -> dict[str, float]:
    """Return the processor time each program has used so far, with its children's."""
    used: dict[int, float] = {}
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        pid = int(stat.parent.name)
        parents[pid] = int(words[1])
        used[pid] = sum(int(ticks) for ticks in words[11:13]) / os.sysconf("SC_CLK_TCK")
    return {
        name: sum(
            seconds for pid, seconds in used.items() if root in (pid, *_ancestors(pid, parents))
        )
        for name, root in pids.items()
    }


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        pid = parents[pid]
        yield pid


async def run(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Measure and return the line to print."""
    file = folder / "report.json"
    file.write_bytes(body(arguments.size))
    seconds = arguments.seconds
    targets = TARGETS if not arguments.profile else ("hub",)
    rounds: dict[str, list[dict[str, float]]] = {target: [] for target in targets}
    async with servers(folder, profile=arguments.profile) as running:
        for _ in range(arguments.rounds):
            for target in targets:
                rounds[target].append(await measured(running, target, file, seconds=seconds))
        middle = {target: median(found) for target, found in rounds.items()}
        half = middle["hub"]["per_second"] / 2
        half_load = await measured(running, "hub", file, seconds=seconds, rate=half)
    line: dict[str, object] = {
        "bench": "intake",
        "clients": 64,
        "bytes": arguments.size,
        "seconds": seconds,
        "rounds": arguments.rounds,
        **middle,
        "half_load": half_load,
        **describe(),
    }
    for target in targets[:-1]:
        ratio = middle["hub"]["per_second"] / middle[target]["per_second"]
        line[f"ratio_to_{target}"] = round(ratio, 3)
    if arguments.profile:
        for service in ("gateway", "intake"):
            found = pstats.Stats(str(folder / f"{service}.prof"), stream=sys.stderr)
            found.sort_stats("tottime").print_stats(30)
    return line


def median(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def main() -> None:
    """Read the command line, measure, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=2_000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="songtor-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may have to enter it as another user
        sys.stdout.write(json.dumps(asyncio.run(run(arguments, folder))) + "\n")


if __name__ == "__main__":
    main()
