"""E-mail by SMTP. What the server's answer means is decided here, once.

The dialogue is split at the last point where nothing can have been sent: a failure before the
message's text is `later`, one after it is `unknown`, for the server may have taken it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from types import TracebackType
from uuid import UUID

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from services.alerting.domain.letters import Letter

SENT, REFUSED, LATER, UNKNOWN = "sent", "refused", "later", "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the mail server said: `sent`, `refused` for good, `later`, or nothing: `unknown`."""

    verdict: str
    code: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over and as whom."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    timeout: float
    """Seconds that greeting and addressing may take, and again the message's text."""


def compose(
    server: MailServer, letter: Letter, address: str, *, reference: UUID, at: datetime
) -> bytes:
    """Return the message as it travels; the same `reference` gives the same Message-ID."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{reference}@{server.sender.rpartition('@')[2]}>"
    # Nobody's out-of-office may answer an alarm, and no loop may start.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body, cte="base64")
    return message.as_bytes(policy=SMTP_POLICY)


class Mailer:
    """One connection to the mail server, opened when it is needed and again when it broke."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: aiosmtplib.SMTP | None = None

    async def __aenter__(self) -> Mailer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    async def send(self, address: str, message: bytes) -> Answer:
        """Hand one message over; never raises for what the server or the network does."""
        try:
            async with asyncio.timeout(self._server.timeout):
                client = await self._open()
                await client.mail(self._server.sender)
                await client.rcpt(address)
        except SMTPResponseException as error:
            await self._reset()
            return _refused(error)
        except (SMTPException, OSError) as error:
            self.drop()
            return Answer(LATER, type(error).__name__)
        try:
            async with asyncio.timeout(self._server.timeout):
                answer = await client.data(message)
        except SMTPResponseException as error:
            await self._reset()
            return _refused(error)
        except (SMTPException, OSError) as error:
            self.drop()
            return Answer(UNKNOWN, type(error).__name__)
        return Answer(SENT, str(answer.code))

    async def rest(self) -> None:
        """Say goodbye for now; the next message opens a new connection."""
        if self._client is None:
            return
        # Should it be gone already, nothing was under way.
        with suppress(SMTPException, OSError):
            await self._client.quit()
        self.drop()

    def drop(self) -> None:
        """Forget the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _open(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        self._client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            timeout=self._server.timeout,
            use_tls=self._server.security == "tls",
            start_tls=self._server.security == "starttls",
        )
        await self._client.connect()
        if self._server.user:
            await self._client.login(self._server.user, self._server.password)
        return self._client

    async def _reset(self) -> None:
        if self._client is None:
            return
        try:
            await self._client.rset()
        except (SMTPException, OSError):
            self.drop()


def _refused(error: SMTPResponseException) -> Answer:
    # 4xx asks to come again; only 5xx is a no. The text may quote an address: it does not go on.
    permanent = 500 <= error.code < 600
    return Answer(REFUSED if permanent else LATER, str(error.code))
