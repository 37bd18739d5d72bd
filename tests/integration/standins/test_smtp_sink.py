"""The mail sink: what it said 250 to is in the list, killed or not."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from tests.standins import Standin


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "hub@songtor.example"
    message["To"] = "desk-50@province.example"
    message["Subject"] = subject
    message.set_content("ยังเข้าไม่ถึงตัวภายใน 24 ชั่วโมง\n")
    return message


async def test_a_mail_is_kept_with_its_thai_text_through_a_kill(tmp_path: Path):
    sink = Standin("sandbox.smtp_sink", {"SONGTOR_STANDIN_DATA": str(tmp_path)})
    await sink.start()
    try:
        host, _, port = sink.ready["smtp"].rpartition(":")
        await aiosmtplib.send(mail("แจ้งเตือน ST-1"), hostname=host, port=int(port))
        await sink.kill()
        await sink.start()
        (kept,) = (await sink.client.get("/messages")).json()
        assert kept["to"] == ["desk-50@province.example"]
        assert kept["subject"] == "แจ้งเตือน ST-1"
        assert kept["body"].strip() == "ยังเข้าไม่ถึงตัวภายใน 24 ชั่วโมง"
        later = await sink.client.get("/messages", params={"after": kept["id"]})
        assert later.json() == []
    finally:
        assert await sink.stop() == 0
