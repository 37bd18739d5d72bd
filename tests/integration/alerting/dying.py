"""Processes that die by SIGKILL at a statement of their choice: a line of JSON in, a status out.

Each does one thing (sweep, send or acknowledge) and is killed before its Nth statement, or commit,
goes to PostgreSQL. They are forked from one that has imported everything, which is all they share.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.engine import Engine as AnyEngine

from directory.model import Snapshot
from mesh.clock import ManualClock
from mesh.database import Database
from mesh.outbox import Outbox
from services.alerting import calendars, commands
from services.alerting.commands import Engine
from services.alerting.mail import Mailer, MailServer
from services.alerting.pacer import Pacer
from services.alerting.sender import Sender
from services.alerting.sweeper import Sweeper
from tests.integration.alerting.office import HOURS, POLICIES
from tests.unit.alerting.world import COUNTRY


class Executioner:
    """Counts what goes to PostgreSQL, commits too, and strikes at the Nth."""

    def __init__(self, at: int) -> None:
        self._left = at

    def strike(self, *_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def live(told: dict[str, Any]) -> None:
    clock = ManualClock(datetime.fromisoformat(told["now"]))
    snapshot = Snapshot.of(1, COUNTRY, digest="test")
    hours, keys = calendars.versions(HOURS)
    engine = Engine(
        POLICIES, hours, lambda: snapshot, Outbox(clock, "test"), asyncio.Event(),
        calendar_keys=keys,
    )  # fmt: skip
    database = Database(told["database"], schema="alerting", pool_size=2)
    await database.ping()
    executioner = Executioner(told["dies_at"])
    event.listen(AnyEngine, "before_cursor_execute", executioner.strike)
    event.listen(AnyEngine, "commit", executioner.strike)
    match told["does"]:
        case "sweep":
            await Sweeper(database, engine, clock, every=1, batch=told["batch"]).sweep_once()
        case "send":
            server = MailServer(
                "127.0.0.1", told["port"], "none", "", "", "alerts@songtor.example", timeout=2
            )
            sender = Sender(
                database, engine, clock, server, console_url="https://console.example/", lanes=1
            )
            await Pacer(database, engine, clock).release_once()
            async with Mailer(server) as mailer:
                await sender.send_once(mailer)
        case _:
            async with database.transaction() as tx:
                await commands.acknowledge(
                    tx, engine, UUID(told["alert_id"]), by="officer", note="", now=clock.now()
                )
    await database.close()


def main() -> None:
    """Live once for each line that comes, each time as a process of its own."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.dup2(2, 1)  # its log lines are no answer
            asyncio.run(live(json.loads(line)))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
