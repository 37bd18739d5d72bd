"""The messages, one JSON line each, in a file that only grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one recipient. `message_id` is the sender's own: the same one is a repeat."""

    to: str
    sender: str
    message_id: str
    subject: str
    body: str
    received_at: str


class Mailbox:
    """Keeps mail in `path`, through any kill."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._mails = list(_whole_lines(path))
        self._file = path.open("ab")
        # A line cut short by a kill was never acknowledged: end it, so that it spoils no other.
        if self._file.tell():
            self._file.write(b"\n")

    def keep(self, mails: Sequence[Mail]) -> None:
        """Write them to disk; on return they are there."""
        for mail in mails:
            line = json.dumps(asdict(mail), ensure_ascii=False)
            self._file.write(line.encode("utf-8") + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._mails += mails

    def mails(self, *, to: str = "") -> list[Mail]:
        """Return all mail, or one recipient's, oldest first."""
        return [mail for mail in self._mails if not to or mail.to == to]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def parse(
    content: bytes, recipients: Sequence[str], *, sender: str, received_at: str
) -> list[Mail]:
    """Return a message as it was sent to each of its recipients."""
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return [
        Mail(
            to=recipient,
            sender=sender,
            message_id=str(message["Message-ID"] or ""),
            subject=str(message["Subject"] or ""),
            body="" if body is None else str(body.get_content()).replace("\r\n", "\n"),
            received_at=received_at,
        )
        for recipient in recipients
    ]


def _whole_lines(path: Path) -> Iterator[Mail]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        yield Mail(**fields)
