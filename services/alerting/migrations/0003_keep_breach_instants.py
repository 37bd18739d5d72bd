"""The instant of the breach beside each deadline of a clock, also while a warning comes first."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the fact of a breach be recorded although its warnings were slept through."""
    op.execute("ALTER TABLE deadline ADD COLUMN breach_at TIMESTAMP WITH TIME ZONE")
    op.execute("UPDATE deadline SET breach_at = due_at WHERE purpose = 'clock' AND stage = 100")
