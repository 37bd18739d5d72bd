"""Intake's own tables, as its migrations make them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

report = sa.Table(
    "report",
    metadata,
    sa.Column("report_id", sa.Uuid),
    sa.Column("case_id", sa.Uuid),
    sa.Column("source", sa.Text),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("request_digest", sa.LargeBinary),
    sa.Column("reference", sa.Text),
    sa.Column("urgency", sa.Text),
    sa.Column("accepted_at", sa.DateTime(timezone=True)),
    sa.Column("key_id", sa.Text),
    sa.Column("channel", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("anonymous", sa.Boolean),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("reported_at", sa.DateTime(timezone=True)),
    sa.Column("language", sa.Text),
    sa.Column("receiving_unit_id", sa.Text),
)

case_file = sa.Table(
    "case_file",
    metadata,
    sa.Column("case_id", sa.Uuid),
    sa.Column("reference", sa.Text),
    sa.Column("opened_at", sa.DateTime(timezone=True)),
    sa.Column("status", sa.Text),
    sa.Column("status_at", sa.DateTime(timezone=True)),
    sa.Column("urgency", sa.Text),
    sa.Column("ess_cause", sa.Text),
    sa.Column("province_code", sa.Text),
    sa.Column("details", JSONB),
)

identity_block = sa.Table(
    "identity_block",
    metadata,
    sa.Column("case_id", sa.Uuid),
    sa.Column("report_id", sa.Uuid),
    sa.Column("fields", sa.Text),
    sa.Column("schema_version", sa.SmallInteger),
    sa.Column("key_id", sa.Text),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Column("sealed", sa.LargeBinary),
)

assignment_seen = sa.Table(
    "assignment_seen",
    metadata,
    sa.Column("assignment_id", sa.Uuid),
    sa.Column("case_id", sa.Uuid),
    sa.Column("agency", sa.Text),
    sa.Column("unit_id", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("version", sa.Integer),
    sa.Column("opens_identity", sa.Boolean),
)

referral_seen = sa.Table(
    "referral_seen",
    metadata,
    sa.Column("referral_id", sa.Uuid),
    sa.Column("case_id", sa.Uuid),
    sa.Column("state", sa.Text),
    sa.Column("state_at", sa.DateTime(timezone=True)),
)
