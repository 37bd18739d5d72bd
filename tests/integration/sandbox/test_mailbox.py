"""The sandbox's mail server, as a process: what it took is there after kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import closing
from email.message import EmailMessage
from functools import partial

import aiosmtplib
import pytest

from sandbox.mailbox.store import Mail, Mailbox
from sandbox.ports import LOCALHOST, free_ports
from sandbox.probes import http_get, http_ok
from sandbox.process import Child, ProcessSpec


class MailServer:
    """The process, and what a client sees of it."""

    def __init__(self, folder) -> None:
        self.smtp, self.pages = free_ports(2)
        self._spec = ProcessSpec(
            name="mailbox",
            command=(sys.executable, "-m", "sandbox.mailbox"),
            log=folder / "mailbox.log",
            ready=partial(http_ok, LOCALHOST, self.pages, "/readyz"),
            environment={
                "SONGTOR_LISTEN": f"{LOCALHOST}:{self.smtp}",
                "SONGTOR_HEALTH_LISTEN": f"{LOCALHOST}:{self.pages}",
                "SONGTOR_MAILBOX_FILE": str(folder / "mail.jsonl"),
            },
        )
        self.child: Child | None = None

    async def start(self) -> Child:
        self.child = await Child.spawn(self._spec)
        await self.child.wait_ready(15)
        return self.child

    async def send(self, *recipients: str, subject: str) -> None:
        message = EmailMessage()
        message["From"], message["Subject"] = "songtor@hub.example", subject
        message["Message-ID"] = "<alert-1@hub.example>"
        message["To"] = ", ".join(recipients)
        message.set_content("เรื่อง 6912-0000-01 เกิน 24 ชั่วโมง\n")
        await aiosmtplib.send(message, hostname=LOCALHOST, port=self.smtp, start_tls=False)

    async def messages(self, to: str = "") -> list[dict[str, str]]:
        _, body = await http_get(LOCALHOST, self.pages, f"/messages?to={to}")
        found: list[dict[str, str]] = json.loads(body)
        return found


@pytest.fixture
async def server(private_folder):
    server = MailServer(private_folder)
    await server.start()
    yield server
    if server.child is not None:
        assert await server.child.stop(3) == 0


async def test_each_recipient_finds_their_own_mail_in_thai(server):
    await server.send("central@desk.example", "province-50@desk.example", subject="แจ้งเตือน")
    assert len(await server.messages()) == 2
    [mail] = await server.messages("province-50@desk.example")
    assert mail["subject"] == "แจ้งเตือน"
    assert mail["body"] == "เรื่อง 6912-0000-01 เกิน 24 ชั่วโมง\n"
    assert mail["message_id"] == "<alert-1@hub.example>"


async def test_mail_that_was_taken_is_there_after_kill_9(server):
    await server.send("central@desk.example", subject="แจ้งเตือน")
    os.kill(server.child.pid, signal.SIGKILL)
    await server.child.wait()
    await server.start()
    await server.send("central@desk.example", subject="แจ้งเตือนอีกครั้ง")
    subjects = [mail["subject"] for mail in await server.messages("central@desk.example")]
    assert subjects == ["แจ้งเตือน", "แจ้งเตือนอีกครั้ง"]


async def test_many_senders_at_once_lose_nothing(server):
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(server.send("central@desk.example", subject=str(number)))
    subjects = {mail["subject"] for mail in await server.messages()}
    assert subjects == {str(number) for number in range(20)}


def test_a_line_cut_short_by_a_kill_spoils_no_other(private_folder):
    path = private_folder / "mail.jsonl"
    mail = Mail("a@desk.example", "hub", "<1>", "หนึ่ง", "", "")
    with closing(Mailbox(path)) as mailbox:
        mailbox.keep([mail])
    with path.open("ab") as file:
        file.write(b'{"to": "b@desk.exam')
    with closing(Mailbox(path)) as mailbox:
        mailbox.keep([mail])
    with closing(Mailbox(path)) as mailbox:
        assert mailbox.mails() == [mail, mail]
