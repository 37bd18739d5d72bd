"""The tables that every service's schema carries: outbox, inbox, parked messages, audit leaves."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("event_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    # 0 goes first: an emergency never waits behind a backlog.
    sa.Column("priority", sa.SmallInteger, nullable=False),
    # 0 new, 1 published, 2 confirmed by every subscriber's inbox.
    sa.Column("state", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("published_at", sa.DateTime(timezone=True)),
    sa.Index("outbox_new", "priority", "id", postgresql_where=sa.text("state = 0")),
    sa.Index("outbox_unconfirmed", "published_at", postgresql_where=sa.text("state = 1")),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Uuid, primary_key=True),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
)

parked_message = sa.Table(
    "parked_message",
    metadata,
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    # A coded reason; never the error's text, which may quote what a person said.
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("parked_at", sa.DateTime(timezone=True), nullable=False),
)

audit_leaf = sa.Table(
    "audit_leaf",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject_id", sa.Text, nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    # SHA-256(0x00 || canonical leaf), as RFC 6962 hashes a leaf.
    sa.Column("digest", sa.LargeBinary, nullable=False),
)

APPEND_ONLY = ("audit_leaf",)


def create_plumbing(op: Any) -> None:
    """Create the tables above in the current schema; called by each service's first migration."""
    metadata.create_all(op.get_bind(), checkfirst=False)


def append_only(op: Any, *tables: str) -> None:
    """Take UPDATE and DELETE on `tables` from the service's own role: what is written stays."""
    schema = op.get_context().version_table_schema
    for table in tables:
        op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM "songtor_{schema}"')
