"""The development authority's certificates, and what both ends of a connection insist on."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from mesh.identity import DevelopmentAuthority, Identity, server_name, spiffe_id


def handshake(server: Identity, client: Identity) -> None:
    """Do a TLS handshake in memory, both ends strict as Python 3.13 is by default."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(server.cert_path, server.key_path)
    serving.load_verify_locations(server.ca_path)
    serving.verify_mode = ssl.CERT_REQUIRED
    calling = client.client_context()
    for context in (serving, calling):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        calling.wrap_bio(to_client, to_server, server_hostname="localhost"),
        serving.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_certificates_of_one_authority_are_believed_strictly(tmp_path: Path) -> None:
    authority = DevelopmentAuthority(tmp_path)
    handshake(authority.issue("server", "nats"), authority.issue("service", "intake"))


def test_an_authority_read_again_is_the_same(tmp_path: Path) -> None:
    server = DevelopmentAuthority(tmp_path).issue("server", "nats")
    handshake(server, DevelopmentAuthority(tmp_path).issue("service", "intake"))


def test_another_authority_is_not_believed(tmp_path: Path) -> None:
    server = DevelopmentAuthority(tmp_path / "ours").issue("server", "nats")
    stranger = DevelopmentAuthority(tmp_path / "theirs").issue("service", "intake")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server, stranger)


def test_an_identity_says_who_it_is(tmp_path: Path) -> None:
    identity = DevelopmentAuthority(tmp_path).issue("adapter", "public_health")
    assert identity.peer() == spiffe_id("adapter", "public_health")
    assert server_name("adapter", "public_health") == "public-health.adapter.songtor"


def test_a_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    identity = DevelopmentAuthority(tmp_path).issue("service", "intake")
    assert identity.key_path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0
