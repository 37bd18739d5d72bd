"""Alerting on real PostgreSQL and real SMTP, with the clock moved by hand."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

from aiosmtpd.smtp import SMTP, Envelope, Session

from directory.model import Snapshot
from mesh.clock import ManualClock
from mesh.database import Database, Row
from mesh.outbox import Outbox
from policies.calendar import open_hours
from policies.reader import load
from services.alerting import calendars, commands
from services.alerting.commands import Engine
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.casefile import Happening
from services.alerting.mail import Mailer, MailServer
from services.alerting.pacer import Pacer
from services.alerting.sender import EMERGENCY, Sender
from services.alerting.sweeper import Sweeper
from tests.plumbing import open_database
from tests.unit.alerting.world import COUNTRY, START, STATION, case

POLICIES = load()
HOURS = open_hours(POLICIES)


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def reference(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def body(self) -> str:
        return str(self.message.get_content())


@dataclass
class Mailbox:
    """A mail server that keeps what it takes, and answers as it is told."""

    mails: list[Mail] = field(default_factory=list)
    answer: Callable[[Mail], str] = field(default=lambda _: "250 kept")
    refuse: Callable[[str], str] = field(default=lambda _: "250 ok")
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        verdict = self.refuse(address)
        if verdict.startswith("250"):
            envelope.rcpt_tos.append(address)
        return verdict

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        parsed = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)
        mail = Mail(envelope.rcpt_tos[0], parsed)
        verdict = self.answer(mail)
        if verdict.startswith("250"):
            self.mails.append(mail)
        return verdict

    def to(self) -> list[str]:
        return sorted(mail.to.partition("@")[0] for mail in self.mails)


@asynccontextmanager
async def open_mailbox() -> AsyncIterator[Mailbox]:
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(SMTP, mailbox), "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()


@dataclass
class Office:
    database: Database
    engine: Engine
    clock: ManualClock
    mailbox: Mailbox
    sweeper: Sweeper
    sender: Sender
    mailer: Mailer
    pacer: Pacer

    async def hears(self, *told: Happening) -> None:
        async with self.database.transaction() as tx:
            await commands.take_in(tx, self.engine, told, now=self.clock.now())

    async def has_case(self, **fields: Any) -> Case:
        """A report came in; every case of a test is another one."""
        known = case(**{"case_id": uuid4(), "reported_at": self.clock.now(), **fields})
        await self.hears(Happening(known, self.clock.now()))
        return known

    async def assigns(
        self, known: Case, unit_id: str = STATION, state: str = "requested", version: int = 1
    ) -> None:
        unit = self.engine.directory().units[unit_id]
        holder = Holder(
            uuid5(known.case_id, unit_id), known.case_id, unit_id,
            unit.agency, unit.ministry, "lead", state, version, self.clock.now(),
        )  # fmt: skip
        await self.hears(Happening(known, self.clock.now(), holder=holder))

    async def reaches(self, known: Case) -> None:
        now = self.clock.now()
        await self.hears(Happening(replace(known, reached_at=now), now))

    async def after(self, **length: float) -> None:
        """Let time pass, sweep all that is due and send all that waits."""
        await self.passes(**length)
        await self.sends()

    async def passes(self, **length: float) -> None:
        """Let time pass and sweep all that is due; nothing is sent."""
        self.clock.advance(timedelta(**length))
        while await self.sweeper.sweep_once():
            continue

    async def sends(self) -> None:
        while await self.pacer.release_once() + await self.sender.send_once(self.mailer):
            continue

    async def rows(self, statement: str, **parameters: Any) -> list[Row]:
        async with self.database.transaction() as tx:
            return list(await tx.execute(statement, parameters))

    async def alerts(self, known: Case, tier: str) -> list[UUID]:
        return [
            row["alert_id"]
            for row in await self.rows(
                "SELECT alert_id FROM alert WHERE case_id = :case_id AND tier = :tier"
                " AND state = 'open' AND kind <> 'warning'",
                case_id=known.case_id,
                tier=tier,
            )
        ]

    async def statuses(self, known: Case) -> list[tuple[str, str]]:
        return [
            (row["recipient_id"], row["status"])
            for row in await self.rows(
                "SELECT recipient_id, status FROM notification WHERE case_id = :case_id"
                " ORDER BY created_at, recipient_id",
                case_id=known.case_id,
            )
        ]


@asynccontextmanager
async def open_office(address: str, start: datetime = START) -> AsyncIterator[Office]:
    """Run alerting's parts by hand; nothing moves unless the test moves it."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(address, "alerting"))
        mailbox = await stack.enter_async_context(open_mailbox())
        clock = ManualClock(start)
        snapshot = Snapshot.of(1, COUNTRY, digest="test")
        hours, keys = calendars.versions(HOURS)
        outbox = Outbox(clock, "test")
        engine = Engine(
            POLICIES, hours, lambda: snapshot, outbox, asyncio.Event(), calendar_keys=keys
        )
        server = MailServer(
            "127.0.0.1", mailbox.port, "none", "", "", "alerts@songtor.example", timeout=2
        )
        sender = Sender(
            database, engine, clock, server, console_url="https://console.example/", lanes=2
        )
        sweeper = Sweeper(database, engine, clock, every=0.01, batch=500)
        mailer = await stack.enter_async_context(Mailer(server))
        pacer = Pacer(database, engine, clock)
        yield Office(database, engine, clock, mailbox, sweeper, sender, mailer, pacer)


__all__ = ["EMERGENCY", "START", "Mail", "Mailbox", "Office", "open_mailbox", "open_office"]
