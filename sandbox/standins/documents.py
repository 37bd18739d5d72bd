"""Documents of an agency's system in its own format, versioned and in order of change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.standins.ledger import stamp

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_at TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS document_changed ON document (kind, changed_at);
CREATE TABLE IF NOT EXISTS document_label (
    kind TEXT NOT NULL, label TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, label, id)
);
CREATE INDEX IF NOT EXISTS document_label_of ON document_label (kind, id);
"""


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it stands."""

    kind: str
    id: str
    version: int
    changed_at: str
    body: dict[str, Any]


def get(tx: sqlite3.Connection, kind: str, id_: str) -> Document | None:
    """Return a document, or None."""
    row = tx.execute("SELECT * FROM document WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
    return None if row is None else document_of(row)


def labelled(tx: sqlite3.Connection, kind: str, label: str) -> list[str]:
    """Return the ids of the documents that carry a label."""
    rows = tx.execute(
        "SELECT id FROM document_label WHERE kind = ? AND label = ? ORDER BY id", (kind, label)
    )
    return [row["id"] for row in rows]


def next_change(tx: sqlite3.Connection, now: datetime) -> str:
    """Return the stamp of the next change: `now`, but later than every change before it."""
    last = tx.execute("SELECT MAX(changed_at) FROM document").fetchone()[0]
    if last is None or last < stamp(now):
        return stamp(now)
    return stamp(datetime.fromisoformat(last) + timedelta(microseconds=1))


def put(
    tx: sqlite3.Connection,
    kind: str,
    id_: str,
    body: dict[str, Any],
    *,
    changed_at: str,
    labels: Iterable[str] = (),
) -> Document:
    """Write a document as its next version, found by `labels` from now on."""
    row = tx.execute(
        "INSERT INTO document VALUES (?, ?, 1, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET"
        " version = version + 1, changed_at = excluded.changed_at, body = excluded.body"
        " RETURNING *",
        (kind, id_, changed_at, json.dumps(body, ensure_ascii=False)),
    ).fetchone()
    tx.execute("DELETE FROM document_label WHERE kind = ? AND id = ?", (kind, id_))
    tx.executemany(
        "INSERT INTO document_label VALUES (?, ?, ?)",
        {(kind, label, id_) for label in labels},
    )
    return document_of(row)


def document_of(row: sqlite3.Row) -> Document:
    """Read a row of `document`."""
    return Document(
        row["kind"], row["id"], row["version"], row["changed_at"], json.loads(row["body"])
    )
