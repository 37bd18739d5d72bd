"""Runs the mail server: SMTP on SONGTOR_LISTEN, its pages on SONGTOR_HEALTH_LISTEN."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from functools import partial
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mesh.clock import Clock, open_clock
from mesh.config import host_port
from sandbox.mailbox.store import Mailbox, parse


class Settings(BaseSettings):
    """What the mail server is told."""

    model_config = SettingsConfigDict(
        env_prefix="SONGTOR_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    listen: str
    """Host and port of SMTP."""
    health_listen: str
    """Host and port of the pages: `/messages`, `/healthz`, `/readyz`."""
    mailbox_file: Path
    """Where the mail is kept."""
    clock_file: Path | None = None
    """Shared virtual-clock offset; without it the clock is the machine's."""


class Handler:
    """Takes what aiosmtpd hands over."""

    def __init__(self, mailbox: Mailbox, clock: Clock) -> None:
        self._mailbox = mailbox
        self._clock = clock

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message, then say so."""
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 a message must be bytes"
        self._mailbox.keep(
            parse(
                content,
                envelope.rcpt_tos,
                sender=envelope.mail_from or "",
                received_at=self._clock.now().isoformat(),
            )
        )
        return "250 kept"


def pages(mailbox: Mailbox) -> Starlette:
    """Return the pages: mail as JSON, as text for people, and whether the server lives."""

    async def messages(request: Request) -> Response:
        found = mailbox.mails(to=request.query_params.get("to", ""))
        return JSONResponse([asdict(mail) for mail in found])

    async def reading(request: Request) -> Response:
        found = mailbox.mails(to=request.query_params.get("to", ""))
        texts = [f"To: {m.to}\nAt: {m.received_at}\n{m.subject}\n\n{m.body}" for m in found]
        return PlainTextResponse("\n\n---\n\n".join(reversed(texts)) or "no mail yet\n")

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ready\n")

    return Starlette(
        routes=[
            Route("/", reading),
            Route("/messages", messages),
            Route("/healthz", alive),
            Route("/readyz", alive),
        ]
    )


async def serve(settings: Settings) -> None:
    """Serve both until SIGTERM or SIGINT."""
    mailbox = Mailbox(settings.mailbox_file)
    handler = Handler(mailbox, open_clock(settings.clock_file))
    loop = asyncio.get_running_loop()
    protocol = partial(SMTP, handler, enable_SMTPUTF8=True, ident="songtor-sandbox")
    smtp = await loop.create_server(protocol, *host_port(settings.listen))
    host, port = host_port(settings.health_listen)
    config = uvicorn.Config(
        pages(mailbox),
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        smtp.close()
        mailbox.close()


def main() -> None:
    """Read the settings and run."""
    with asyncio.Runner() as runner:
        # uvicorn ends by these signals and then raises them again for us: ending was enough.
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, lambda *_: None)
        runner.run(serve(Settings()))


if __name__ == "__main__":
    main()
