"""A real mail server that keeps what it is given: the desks' mailboxes of the sandbox.

SMTP on one port, `GET /messages` on another; everything is kept in SQLite, so nothing is lost when
the sink is killed after it said 250.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import sqlite3
from email.message import EmailMessage

import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mesh.clock import Clock, open_clock
from sandbox.standins.ledger import stamp
from sandbox.standins.server import serve
from sandbox.standins.settings import StandinSettings
from sandbox.standins.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body TEXT NOT NULL
);
"""
_MOST_BYTES = 1_000_000


class SinkSettings(StandinSettings):
    """Settings of the mail sink."""

    smtp_listen: str = "127.0.0.1:0"
    """Host and port of the SMTP server."""


class Keeper:
    """Handler of aiosmtpd: says 250 once the message is on disk."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep one message."""
        raw = envelope.original_content or b""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        values = (
            stamp(self._clock.now()),
            envelope.mail_from or "",
            json.dumps(envelope.rcpt_tos),
            str(message.get("subject", "")),
            str(message.get("message-id", "")),
            _text(message),
        )

        def work(tx: sqlite3.Connection) -> None:
            tx.execute(
                "INSERT INTO message (received_at, sender, recipients, subject, message_id, body)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )

        await self._store.write(work)
        return "250 kept"


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    return "" if part is None else str(part.get_content())


def _app(store: Store) -> Starlette:
    async def messages(request: Request) -> Response:
        """List messages after `?after=ID`, oldest first, at most 1,000."""
        after = int(request.query_params.get("after", "0"))
        rows = store.read("SELECT * FROM message WHERE id > ? ORDER BY id LIMIT 1000", (after,))
        return JSONResponse(
            [
                {
                    "id": row["id"],
                    "when": row["received_at"],
                    "from": row["sender"],
                    "to": json.loads(row["recipients"]),
                    "subject": row["subject"],
                    "message_id": row["message_id"],
                    "body": row["body"],
                }
                for row in rows
            ]
        )

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route("/messages", messages),
            Route("/healthz", alive),
            Route("/readyz", alive),
        ]
    )


async def _run(settings: SinkSettings) -> None:
    store = Store(settings.standin_data / "smtp_sink.sqlite3", SCHEMA)
    try:
        keeper = Keeper(store, open_clock(settings.clock_file))
        host, _, port = settings.smtp_listen.rpartition(":")
        loop = asyncio.get_running_loop()
        mail = await loop.create_server(
            lambda: SMTP(
                keeper,
                loop=loop,
                hostname="sink.example",
                enable_SMTPUTF8=True,
                data_size_limit=_MOST_BYTES,
            ),
            host,
            int(port),
        )
        smtp = "{}:{}".format(*mail.sockets[0].getsockname()[:2])
        async with mail:
            await serve(_app(store), settings, "smtp_sink", smtp=smtp)
    finally:
        store.close()


def main() -> None:
    """Run until stopped."""
    uvloop.run(_run(SinkSettings()))


if __name__ == "__main__":
    main()
