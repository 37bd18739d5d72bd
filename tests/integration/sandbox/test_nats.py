"""The embedded nats-server: JetStream over kill -9, and who may say what under mutual TLS."""

from __future__ import annotations

import os
import signal

import nats
import pytest
from nats.errors import Error as NatsError

from mesh.identity import DevelopmentAuthority, Identity
from mesh.topology import Grant
from sandbox.ports import LOCALHOST
from sandbox.probes import http_get
from sandbox.servers.nats import NatsAccess, NatsServer, TlsFiles
from tests.waiting import until


@pytest.fixture
async def plain(private_folder):
    server = NatsServer(private_folder / "nats", log=private_folder / "nats.log")
    await server.start()
    yield server
    await server.stop()


async def test_stored_messages_are_there_after_kill_9(private_folder):
    server = NatsServer(private_folder / "nats", log=private_folder / "nats.log")
    try:
        child = await server.start()
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name="CASES", subjects=["case.>"])
        await client.jetstream().publish("case.v1.reported", b"1")
        await client.close()
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        await server.start()
        client = await nats.connect(server.url)
        info = await client.jetstream().stream_info("CASES")
        await client.close()
    finally:
        await server.stop()
    assert info.state.messages == 1


async def test_its_pages_show_health_and_jetstream(plain):
    for page in ("/healthz", "/jsz"):
        status, _ = await http_get(LOCALHOST, plain.monitoring_port, page)
        assert status == 200


@pytest.fixture
def authority(private_folder):
    return DevelopmentAuthority(private_folder / "identity")


@pytest.fixture
async def guarded(private_folder, authority):
    own = authority.issue("server", "nats")
    user = Grant("spiffe://songtor/service/intake", ("case.v1.>",), ("_INBOX_intake.>",))
    access = NatsAccess(TlsFiles(own.ca_path, own.cert_path, own.key_path), [user])
    server = NatsServer(private_folder / "nats", log=private_folder / "nats.log", access=access)
    await server.start()
    yield server
    await server.stop()


class Client:
    """A NATS client that remembers what the server refused it."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    async def connect(self, server: NatsServer, identity: Identity) -> nats.NATS:
        return await nats.connect(
            server.url,
            tls=identity.client_context(),
            error_cb=self._remember,
            allow_reconnect=False,
            connect_timeout=2,
        )

    async def _remember(self, error: Exception) -> None:
        self.refused.append(str(error))

    async def expects_refusal(self, subject: str) -> None:
        await until(lambda: any(subject in refusal for refusal in self.refused))


async def test_the_certificates_uri_is_the_user_and_bounds_its_subjects(guarded, authority):
    client = Client()
    connection = await client.connect(guarded, authority.issue("service", "intake"))
    await connection.publish("case.v1.reported", b"1")
    await connection.flush()
    assert client.refused == []
    await connection.publish("assignment.v1.accepted", b"1")
    await connection.flush()
    await client.expects_refusal("assignment.v1.accepted")
    await connection.subscribe("case.v1.>")
    await connection.flush()
    await client.expects_refusal("case.v1.>")
    await connection.close()


async def test_a_certificate_that_names_no_user_is_refused(guarded, authority):
    with pytest.raises(NatsError, match="Authorization"):
        await Client().connect(guarded, authority.issue("service", "stranger"))


async def test_another_authoritys_certificate_is_refused(guarded, authority, private_folder):
    forged = DevelopmentAuthority(private_folder / "other").issue("service", "intake")
    forged.ca_path.write_bytes(authority.issue("service", "intake").ca_path.read_bytes())
    with pytest.raises((NatsError, OSError)):
        await Client().connect(guarded, forged)
