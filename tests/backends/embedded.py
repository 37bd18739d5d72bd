"""The wheels' servers, one pair a session, in a temporary folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.servers.nats import NatsServer
from sandbox.servers.postgres import PostgresServer
from tests.backends import Servers


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both servers; PostgreSQL without fsync, which no test that uses this may rely on."""
    with _folder() as folder:
        postgres = PostgresServer(folder / "postgres", log=folder / "postgres.log", durable=False)
        nats = NatsServer(folder / "nats", log=folder / "nats.log")
        try:
            await postgres.start()
            await nats.start()
            yield Servers(postgres=postgres.url(), nats=nats.url)
        finally:
            await nats.stop()
            await postgres.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="songtor-tests-") as name:
        path = Path(name)
        path.chmod(0o711)  # PostgreSQL may have to enter it as another user
        yield path
