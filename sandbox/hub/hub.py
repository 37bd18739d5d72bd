"""Brings the whole hub up on one machine, and takes it down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import asyncpg

from mesh.clock import VirtualClock
from mesh.identity import DevelopmentAuthority
from sandbox.hub.layout import Layout
from sandbox.hub.programs import REPLICAS, Catalogue, Program
from sandbox.hub.running import RUNNING, Running
from sandbox.ports import LOCALHOST
from sandbox.probes import http_ok
from sandbox.process import ProcessSpec, python_process
from sandbox.servers.nats import NatsAccess, NatsServer, TlsFiles
from sandbox.servers.postgres import PostgresServer
from sandbox.supervisor.plan import Job, Member, Part, Step, StopRank
from sandbox.supervisor.state import StateFolder
from sandbox.supervisor.supervisor import Event, Supervisor
from services.intake import keys as intake_keys

if TYPE_CHECKING:
    from mesh.topology import Grant

DATABASE = "songtor"
OTHER_IDENTITIES = {("server", "nats"), ("tool", "migrate"), ("tool", "operator")}
PRELOAD = (
    "mesh.service",
    "mesh.asgi",
    "mesh.probes",
    "alembic.command",
    "fastapi",
    "starlette.applications",
    "httpx2",
    "uvicorn.protocols.http.httptools_impl",
    "policies.reader",
    "directory.replica",
    "adapters.sdk",
)
"""What most of the programs import; the rest is their own."""


class Version(Protocol):
    """What this version's rooms need, by their own word."""

    @property
    def schemas(self) -> Iterable[str]:
        """Return the database schemas."""
        ...

    @property
    def grants(self) -> Sequence[Grant]:
        """Return what each process may say and hear on the broker."""
        ...


class Hub:
    """One hub in one folder. `look` asks the rooms what they need, which takes a while."""

    def __init__(
        self,
        folder: StateFolder,
        *,
        look: Callable[[], Version],
        tell: Callable[[Event], None],
        pace: float | None = None,
        nursery: bool = True,
        catalogue: Callable[[Layout, Mapping[str, int]], Catalogue] = Catalogue,
    ) -> None:
        self.layout = Layout(folder.path)
        self._folder = folder
        self._look = look
        self._pace = pace
        self._tell = tell
        self._catalogue = catalogue
        self._preload = PRELOAD if nursery else ()
        self._supervisor: Supervisor | None = None

    async def start(self) -> Running:
        """Bring everything up; raise ProcessError when a part does not come.

        What runs by then is left running: the caller stops it.
        """
        self._folder.forget(RUNNING)
        self.layout.prepare()
        ports = self._ports()
        self._prepare_secrets()
        catalogue = self._catalogue(self.layout, ports)
        plan = [
            *self._servers(ports),
            *self._jobs(catalogue, ports),
            *self._members(catalogue, ports),
        ]
        self._supervisor = Supervisor(
            plan, folder=self._folder, tell=self._tell, preload=self._preload
        )
        await self._supervisor.start()
        running = Running.of(self.layout, ports)
        self._folder.write(RUNNING, running.to_json())
        return running

    async def stop(self) -> None:
        """Take everything down, callers before those they call."""
        if self._supervisor is not None:
            await self._supervisor.stop()

    def kill(self) -> None:
        """Kill everything now."""
        if self._supervisor is not None:
            self._supervisor.kill()

    def _ports(self) -> dict[str, int]:
        # Any ports will do to find out the names; the true ones follow.
        nobody = self._catalogue(self.layout, _AnyPort())
        wanted: dict[str, int | None] = {"postgres": None, "nats": None, "nats-monitor": None}
        for program in _programs(nobody):
            wanted |= dict.fromkeys(program.port_names)
            wanted[program.name] = program.preferred_port
        return self._folder.ports(wanted)

    def _prepare_secrets(self) -> None:
        """Make the development authority, an identity for each process, keys and the clock."""
        authority = DevelopmentAuthority(self.layout.identities)
        nobody = self._catalogue(self.layout, _AnyPort())
        identities = {it.identity for it in _programs(nobody) if it.identity is not None}
        for kind, name in identities | OTHER_IDENTITIES:
            authority.issue(kind, name)
        if not self.layout.keyset.exists():
            intake_keys.create(self.layout.keyset)
        VirtualClock(self.layout.clock)
        self.layout.write_script(self._pace)

    def _servers(self, ports: dict[str, int]) -> list[Part]:
        postgres = PostgresServer(
            self.layout.postgres, port=ports["postgres"], log=self.layout.logs / "postgres.log"
        )
        nats = NatsServer(
            self.layout.nats,
            log=self.layout.logs / "nats.log",
            ports=(ports["nats"], ports["nats-monitor"]),
        )
        return [
            Step("cluster", postgres.prepare),
            Member("postgres", StopRank.DATABASE, postgres.spec, ("cluster",)),
            Step("rooms", partial(self._ask_rooms, nats)),
            Member("nats", StopRank.BROKER, nats.spec, ("rooms",)),
            Step("database", partial(_create_database, postgres), ("postgres",)),
        ]

    async def _ask_rooms(self, nats: NatsServer) -> None:
        """Give each schema's role a password and each process its place on the broker."""
        version = await asyncio.to_thread(self._look)
        for schema in version.schemas:
            self.layout.password(schema)
        own = self.layout.identities / "server-nats"
        files = TlsFiles(own / "ca.pem", own / "cert.pem", own / "key.pem")
        nats.prepare(NatsAccess(files, version.grants))

    def _jobs(self, catalogue: Catalogue, ports: dict[str, int]) -> list[Part]:
        identities = self.layout.identities
        nats_url = f"tls://{LOCALHOST}:{ports['nats']}"
        return [
            Job(
                "migrations",
                lambda: self._job(
                    "migrations",
                    "cli",
                    "migrate",
                    SONGTOR_DATABASE_URL=self._admin_url(ports),
                    SONGTOR_PASSWORDS_DIR=str(self.layout.passwords),
                    SONGTOR_NATS_URL=nats_url,
                    SONGTOR_IDENTITY_DIR=str(identities / "tool-migrate"),
                ),
                ("database", "nats"),
            ),
            Job(
                "keys",
                lambda: self._job(
                    "keys",
                    "sandbox.hub.keys",
                    SONGTOR_DATABASE_URL=catalogue.database_url("gateway"),
                    SONGTOR_CLOCK_FILE=str(self.layout.clock),
                    SONGTOR_SECRETS_DIR=str(self.layout.secrets),
                ),
                ("migrations",),
            ),
            Job(
                "directory",
                lambda: self._job(
                    "directory",
                    "sandbox.hub.directory",
                    SONGTOR_REGISTRY_ADDRESS=f"{LOCALHOST}:{ports['registry']}",
                    SONGTOR_IDENTITY_DIR=str(identities / "tool-operator"),
                    SONGTOR_DIRECTORY_COPIES=os.pathsep.join(map(str, self._copies())),
                ),
            ),
            Step("directory-copies", self._copies_are_there),
        ]

    def _copies(self) -> list[Path]:
        return [self.layout.directory_copy(service) for service in REPLICAS]

    async def _copies_are_there(self) -> None:
        while not all(path.exists() for path in self._copies()):  # noqa: ASYNC110  (a job does it)
            await asyncio.sleep(0.02)

    def _members(self, catalogue: Catalogue, ports: dict[str, int]) -> list[Part]:
        return [
            Member(
                program.name,
                program.rank,
                partial(self._spec, catalogue, program, ports[program.port_names[-1]]),
                program.needs,
            )
            for program in _programs(catalogue)
        ]

    def _spec(self, catalogue: Catalogue, program: Program, health_port: int) -> ProcessSpec:
        return python_process(
            program.name,
            program.module,
            log=self.layout.logs / f"{program.name}.log",
            ready=partial(http_ok, LOCALHOST, health_port, "/readyz"),
            environment=catalogue.environment(program),
        )

    def _job(self, name: str, *line: str, **environment: str) -> ProcessSpec:
        return python_process(
            name,
            *line,
            log=self.layout.logs / f"{name}.log",
            ready=_never_asked,
            environment={"SONGTOR_ENV": "sandbox", **environment},
        )

    def _admin_url(self, ports: dict[str, int]) -> str:
        password = (self.layout.postgres / "password").read_text(encoding="ascii")
        place = f"{LOCALHOST}:{ports['postgres']}/{DATABASE}"
        return f"postgresql+asyncpg://postgres:{password}@{place}"


def _programs(catalogue: Catalogue) -> list[Program]:
    return [*catalogue.services(), *catalogue.adapters(), *catalogue.standins()]


class _AnyPort(dict[str, int]):
    """Stands where ports are not chosen yet."""

    def __missing__(self, name: str) -> int:
        return 0


async def _create_database(postgres: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres.url(), ssl=False)
    try:
        known = "SELECT 1 FROM pg_database WHERE datname = $1"
        if await connection.fetchval(known, DATABASE) is None:
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()


async def _never_asked() -> bool:
    return True
