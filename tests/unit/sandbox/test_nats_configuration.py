"""The file that nats-server reads."""

from __future__ import annotations

from pathlib import Path

from mesh.topology import Grant
from sandbox.servers.nats import NatsAccess, TlsFiles, configuration

TLS = TlsFiles(Path("ca.pem"), Path("cert.pem"), Path("key.pem"))
INTAKE = Grant("spiffe://songtor/service/intake", ("case.v1.>",), ("_INBOX_intake.>",))


def configured(access):
    return configuration(port=4222, monitoring_port=8222, store=Path("js"), access=access)


def test_a_server_of_tests_is_plain_and_local():
    settings = configured(None)
    assert "tls" not in settings
    assert "authorization" not in settings
    assert settings["listen"] == "127.0.0.1:4222"


def test_every_client_must_show_a_certificate_that_names_a_user():
    settings = configured(NatsAccess(TLS, [INTAKE]))
    assert settings["tls"]["verify_and_map"] is True
    assert settings["authorization"]["users"] == [
        {
            "user": "spiffe://songtor/service/intake",
            "permissions": {
                "publish": {"allow": ["case.v1.>"]},
                "allow_responses": True,
                "subscribe": {"allow": ["_INBOX_intake.>"]},
            },
        }
    ]


def test_a_user_without_subjects_may_do_nothing_rather_than_everything():
    mute = Grant("spiffe://songtor/tool/mute", (), ())
    user = configured(NatsAccess(TLS, [mute]))["authorization"]["users"][0]
    assert user["permissions"]["publish"] == {"deny": [">"]}
    assert user["permissions"]["subscribe"] == {"deny": [">"]}


def test_jetstream_refuses_consumers_and_windows_beyond_what_delivery_promises():
    jetstream = configured(None)["jetstream"]
    assert jetstream["limits"] == {"max_ack_pending": 512, "duplicate_window": "24h"}
    assert jetstream["strict"] is True
