"""API keys, as hashes."""

from __future__ import annotations

from alembic import op

from mesh.tables import APPEND_ONLY, append_only, create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the gateway's one table."""
    create_plumbing(op)
    op.execute(
        """
        CREATE TABLE api_key (
            key_id uuid PRIMARY KEY,
            digest bytea NOT NULL UNIQUE,
            client text NOT NULL,
            scopes jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            revoked_at timestamptz
        )
        """
    )
    append_only(op, *APPEND_ONLY)
