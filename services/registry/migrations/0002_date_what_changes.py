"""What is dated about a unit, releases that two persons make, and the duty rota."""

from __future__ import annotations

from alembic import op

from mesh.tables import append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Defaults: the version before inserts without these columns, and knows nothing of them.
    """
    ALTER TABLE unit
        ADD COLUMN target_groups jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN valid_from text NOT NULL DEFAULT '',
        ADD COLUMN valid_until text NOT NULL DEFAULT '',
        ADD COLUMN affiliations jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN capacity jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN mandates jsonb NOT NULL DEFAULT '[]'
    """,
    "ALTER TABLE release ADD COLUMN approved_by text NOT NULL DEFAULT ''",
    """
    CREATE TABLE proposal (
        id uuid PRIMARY KEY,
        digest text NOT NULL,
        base_version bigint NOT NULL,
        unit_count integer NOT NULL,
        units bytea NOT NULL,
        author text NOT NULL,
        reason text NOT NULL,
        proposed_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE duty_shift (
        id uuid PRIMARY KEY,
        unit_id text NOT NULL,
        officer text NOT NULL,
        rank smallint NOT NULL CHECK (rank BETWEEN 0 AND 9),
        contact text NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
        author text NOT NULL,
        reason text NOT NULL,
        stated_at timestamptz NOT NULL,
        withdrawn_at timestamptz
    )
    """,
    "CREATE INDEX duty_shift_of_unit ON duty_shift (unit_id, starts_at) WHERE withdrawn_at IS NULL",
)


def upgrade() -> None:
    """Add columns and tables; what is there stays as it is."""
    for statement in STATEMENTS:
        op.execute(statement)
    append_only(op, "proposal")
    schema = op.get_context().version_table_schema
    # A turn of duty may be withdrawn, nothing else about it may change.
    op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON duty_shift FROM "songtor_{schema}"')
    op.execute(f'GRANT UPDATE (withdrawn_at) ON duty_shift TO "songtor_{schema}"')
