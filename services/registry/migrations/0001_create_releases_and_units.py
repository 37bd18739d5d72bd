"""Releases, and every version of every unit."""

from __future__ import annotations

from alembic import op

from mesh.tables import APPEND_ONLY, append_only, create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE release (
        version bigint PRIMARY KEY,
        digest text NOT NULL,
        unit_count integer NOT NULL,
        released_at timestamptz NOT NULL,
        author text NOT NULL,
        reason text NOT NULL
    )
    """,
    """
    CREATE TABLE unit (
        since_version bigint NOT NULL REFERENCES release,
        until_version bigint REFERENCES release CHECK (until_version > since_version),
        id text NOT NULL,
        external_ids jsonb NOT NULL,
        name_th text NOT NULL,
        name_en text NOT NULL,
        agency text NOT NULL,
        ministry text NOT NULL,
        affiliation text NOT NULL,
        unit_type text NOT NULL,
        roles jsonb NOT NULL,
        problem_types jsonb NOT NULL,
        languages jsonb NOT NULL,
        province text NOT NULL,
        district text NOT NULL,
        subdistrict text NOT NULL,
        latitude double precision NOT NULL,
        longitude double precision NOT NULL,
        coverage jsonb NOT NULL,
        hours text NOT NULL,
        email text NOT NULL,
        phone text NOT NULL,
        parent text NOT NULL,
        is_intake boolean NOT NULL,
        adapter text NOT NULL,
        tier text NOT NULL,
        suspended boolean NOT NULL,
        synthetic boolean NOT NULL,
        PRIMARY KEY (id, since_version)
    )
    """,
    "CREATE UNIQUE INDEX unit_in_force ON unit (id) WHERE until_version IS NULL",
)


def upgrade() -> None:
    """Create every table of the registry."""
    create_plumbing(op)
    for statement in TABLES:
        op.execute(statement)
    append_only(op, *APPEND_ONLY, "release")
    # A version of a unit may be ended, nothing else about it may change.
    schema = op.get_context().version_table_schema
    op.execute(f'REVOKE UPDATE, DELETE, TRUNCATE ON unit FROM "songtor_{schema}"')
    op.execute(f'GRANT UPDATE (until_version) ON unit TO "songtor_{schema}"')
