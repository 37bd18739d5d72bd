"""Reports, cases, sealed identity blocks, and what intake has seen of assignments and referrals."""

from __future__ import annotations

from alembic import op

from mesh.tables import APPEND_ONLY, append_only, create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# `details` holds the codes of a case that are read whole and never searched by: one value a row
# costs the writer a tenth of what a column each does.
# The hot tables carry no foreign keys: one transaction writes a report with its case and blocks,
# nothing is ever deleted, and a check a row costs as much as the row.
TABLES = (
    """
    CREATE TABLE report (
        report_id uuid PRIMARY KEY,
        case_id uuid NOT NULL,
        source text NOT NULL,
        idempotency_key text NOT NULL,
        request_digest bytea NOT NULL,
        reference text NOT NULL UNIQUE,
        urgency text NOT NULL CHECK (urgency IN ('crisis', 'urgent', 'normal')),
        accepted_at timestamptz NOT NULL,
        key_id text NOT NULL,
        channel text NOT NULL,
        kind text NOT NULL,
        anonymous boolean NOT NULL,
        occurred_at timestamptz,
        reported_at timestamptz,
        language text NOT NULL,
        receiving_unit_id text NOT NULL,
        UNIQUE (source, idempotency_key)
    )
    """,
    """
    CREATE TABLE case_file (
        case_id uuid PRIMARY KEY,
        reference text NOT NULL,
        opened_at timestamptz NOT NULL,
        status text NOT NULL CHECK (status IN ('received', 'helping', 'closed')),
        status_at timestamptz NOT NULL,
        urgency text NOT NULL CHECK (urgency IN ('crisis', 'urgent', 'normal')),
        ess_cause text NOT NULL,
        province_code text NOT NULL,
        details jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE identity_block (
        case_id uuid NOT NULL,
        report_id uuid NOT NULL,
        fields text NOT NULL CHECK (fields IN ('reporter', 'people')),
        schema_version smallint NOT NULL,
        key_id text NOT NULL,
        wrapped_key bytea NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (case_id, report_id, fields)
    )
    """,
    """
    CREATE TABLE assignment_seen (
        assignment_id uuid PRIMARY KEY,
        case_id uuid NOT NULL REFERENCES case_file,
        agency text NOT NULL,
        unit_id text NOT NULL,
        state text NOT NULL,
        version integer NOT NULL,
        opens_identity boolean NOT NULL
    )
    """,
    "CREATE INDEX assignment_seen_case ON assignment_seen (case_id)",
    """
    CREATE TABLE referral_seen (
        referral_id uuid PRIMARY KEY,
        case_id uuid NOT NULL REFERENCES case_file,
        state text NOT NULL,
        state_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX referral_seen_case ON referral_seen (case_id)",
)


def upgrade() -> None:
    """Create every table of intake."""
    create_plumbing(op)
    for statement in TABLES:
        op.execute(statement)
    append_only(op, *APPEND_ONLY, "report", "identity_block")
