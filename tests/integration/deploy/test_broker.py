"""The broker's configuration for Kubernetes, run as three servers on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from uuid import uuid4

import nats
import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from cli.rollout import migrations_grant
from mesh.errors import UnavailableError
from mesh.identity import DevelopmentAuthority, Identity
from mesh.messaging import Bus, Event, connect
from mesh.topology import Durable, Stream, apply, grant, reconcile_subject
from sandbox.ports import LOCALHOST, free_ports
from sandbox.probes import http_ok
from sandbox.process import Child, ProcessSpec
from sandbox.servers.nats import program
from tests.waiting import until
from tools.broker_users import users

CONFIGURATION = Path(__file__).parents[3] / "deploy/k8s/components/nats/nats.conf"
SERVERS = 3
NEWS = Stream("NEWS", ("news.v1.>",), max_bytes=1 << 20)
READING = Durable("reader-news", "NEWS", ("news.v1.>",))
WRITER = "spiffe://songtor/service/writer"
READER = "spiffe://songtor/service/reader"


class Cluster:
    """Three servers with the committed configuration; only places and ports are ours."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.authority = DevelopmentAuthority(folder / "authority")
        self._folder = folder
        self._stack = stack
        ports = free_ports(3 * SERVERS)
        self._clients, self._monitors, self._peers = ports[:3], ports[3:6], ports[6:]
        self._identity = self.authority.issue("service", "nats")

    def url(self, number: int) -> str:
        """Return where one server listens."""
        return f"tls://{LOCALHOST}:{self._clients[number]}"

    async def start(self) -> list[Child]:
        """Start all three and return when each serves JetStream."""
        children = [await Child.spawn(self._spec(number)) for number in range(SERVERS)]
        for child in children:
            self._stack.push_async_callback(child.stop, 2.0)
        for child in children:
            await child.wait_ready(20)
        return children

    def _spec(self, number: int) -> ProcessSpec:
        folder = self._folder / f"nats-{number}"
        folder.mkdir()
        text = CONFIGURATION.read_text(encoding="utf-8")
        ours = {
            "/etc/nats/identity": str(self._identity.folder),
            "/data/jetstream": str(folder / "jetstream"),
            "/run/nats": str(folder),
            "0.0.0.0:4222": f"{LOCALHOST}:{self._clients[number]}",
            "0.0.0.0:8222": f"{LOCALHOST}:{self._monitors[number]}",
            "0.0.0.0:6222": f"{LOCALHOST}:{self._peers[number]}",
            **{f"nats-{n}.nats-peers:6222": f"localhost:{self._peers[n]}" for n in range(3)},
            "max_file: 18GB": "max_file: 1GB",
        }
        for theirs, mine in ours.items():
            assert theirs in text, theirs
            text = text.replace(theirs, mine)
        (folder / "nats.conf").write_text(text, encoding="utf-8")
        (folder / "users.json").write_text(
            users(
                [
                    migrations_grant(),
                    grant(WRITER, streams=[NEWS]),
                    grant(READER, durables=[READING]),
                ]
            ),
            encoding="utf-8",
        )
        monitor = self._monitors[number]
        return ProcessSpec(
            name=f"nats-{number}",
            command=(str(program()), "--config", str(folder / "nats.conf")),
            log=folder / "log",
            ready=lambda: http_ok(LOCALHOST, monitor, "/healthz?js-enabled-only=true"),
            environment={"POD_NAME": f"nats-{number}"},
        )


@pytest_asyncio.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        cluster = Cluster(tmp_path_factory.mktemp("cluster"), stack)
        await cluster.start()
        yield cluster


@pytest_asyncio.fixture(scope="module")
async def writer(cluster: Cluster) -> AsyncIterator[Bus]:
    """A process that owns a stream, which the migrations made with three replicas."""
    tool = await connect(cluster.url(0), cluster.authority.issue("tool", "migrate"))
    deadline = time.monotonic() + 20
    while True:
        try:
            # The first seconds of a cluster have no leader.
            await apply(tool.jetstream, [NEWS], [READING], replicas=SERVERS)
            break
        except (NatsError, TimeoutError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    info = await tool.jetstream.stream_info(NEWS.name)
    assert info.config.num_replicas == SERVERS
    await tool.close()
    bus = await connect(cluster.url(0), cluster.authority.issue("service", "writer"))
    yield bus
    await bus.close()


def event(subject: str) -> Event:
    return Event(uuid4(), subject, b"1")


async def test_three_servers_acknowledge_what_its_owner_says(writer: Bus) -> None:
    sequences = await writer.publish([event("news.v1.one"), event("news.v1.two")])
    assert sequences == [1, 2]


async def test_nobody_speaks_on_a_subject_of_others(writer: Bus) -> None:
    assert await writer.publish([event("secrets.v1.one")], timeout=0.5) == [None]


async def test_a_reader_hears_its_stream_and_answers_what_it_never_saw(
    cluster: Cluster, writer: Bus
) -> None:
    reader = await connect(cluster.url(1), cluster.authority.issue("service", "reader"))
    told = event("news.v1.three")
    await writer.publish([told])

    async def answer(request: Msg) -> None:
        await request.respond(request.data)

    puller = await reader.pull(READING, batch=10)
    async with asyncio.timeout(10):
        heard = await puller.next()
        while (heard[-1].headers or {}).get("Nats-Msg-Id") != str(told.event_id):
            heard += await puller.next()
    for message in heard:
        await message.ack()
    await reader.subscribe(reconcile_subject(READING.name), answer)
    await reader.client.flush()
    asked = told.event_id.bytes
    answers: list[bytes] = []

    async def answered() -> bool:
        # The other servers learn of a listener a moment after its own does.
        with suppress(UnavailableError):
            answers.append(await writer.ask(reconcile_subject(READING.name), asked, timeout=3))
        return bool(answers)

    await until(answered)
    assert answers == [asked]
    await puller.stop()
    await reader.close()


async def test_a_certificate_without_a_grant_is_turned_away(cluster: Cluster) -> None:
    stranger = cluster.authority.issue("adapter", "stranger")
    await refused(cluster.url(0), stranger)


async def test_a_certificate_of_another_authority_is_turned_away(
    cluster: Cluster, tmp_path: Path
) -> None:
    forged = DevelopmentAuthority(tmp_path).issue("service", "writer")
    forged.ca_path.write_bytes(cluster.authority.issue("tool", "other").ca_path.read_bytes())
    await refused(cluster.url(0), forged)


async def refused(url: str, identity: Identity) -> None:
    """Try once, as a client that does not come back; it must be told no."""

    async def quiet(_: Exception) -> None:
        return

    with pytest.raises((NatsError, OSError)):
        await nats.connect(
            url, tls=identity.client_context(), allow_reconnect=False, error_cb=quiet
        )
