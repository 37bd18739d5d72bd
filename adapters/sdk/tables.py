"""The adapter's ledger: what is to be carried, what was attempted, where reading stands."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("delivery_id", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("case_seq", sa.Integer, nullable=False),
    sa.Column("assignment_id", sa.Uuid, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    # pending, attempting, unknown, delivered, parked
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    # Attempts in a row that no worker lived to tell the outcome of.
    sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
    # Pending and unknown: not before this instant. Attempting: the worker is given up after it.
    sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
    # Grows with each claim; an outcome is written only by the claim that made it.
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("agency_record_id", sa.Text, nullable=False, server_default=""),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    sa.CheckConstraint(
        "state IN ('pending', 'attempting', 'unknown', 'delivered', 'parked')", name="state_known"
    ),
    sa.UniqueConstraint("case_id", "case_seq"),
    sa.Index(
        "delivery_due",
        "priority",
        "next_at",
        postgresql_where=sa.text("state IN ('pending', 'attempting', 'unknown')"),
    ),
    sa.Index("delivery_record", "agency_record_id"),
)

# How far each case has been carried: a delivery goes when its number is the next one.
case_order = sa.Table(
    "case_order",
    metadata,
    sa.Column("case_id", sa.Uuid, primary_key=True),
    sa.Column("done_seq", sa.Integer, nullable=False),
)

reading = sa.Table(
    "reading",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text, nullable=False),
)

# News of the agency that could not be understood: kept with a coded reason, never guessed at.
quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("source_id", sa.Text, primary_key=True),
    # Order of reading.
    sa.Column("number", sa.BigInteger, sa.Identity(), nullable=False),
    # Of news about a record that we do not know: its announcement, for when we come to know it.
    sa.Column("update_id", sa.Uuid),
    sa.Column("payload", sa.LargeBinary),
    sa.Column("agency_record_id", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("quarantine_unknown", "at", postgresql_where=sa.text("reason = 'UNKNOWN_RECORD'")),
)

# Fields of ours that the agency's system has no place for, delivery by delivery.
loss = sa.Table(
    "loss",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("delivery_id", sa.Uuid, nullable=False),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
