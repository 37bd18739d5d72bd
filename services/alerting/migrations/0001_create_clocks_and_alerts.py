"""Watched cases, clocks, deadlines, breach facts, alerts and notifications."""

from __future__ import annotations

from alembic import op

from mesh.tables import APPEND_ONLY, append_only, create_plumbing
from services.alerting.tables import TRUTH, metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table of alerting."""
    create_plumbing(op)
    metadata.create_all(op.get_bind(), checkfirst=False)
    append_only(op, *APPEND_ONLY, *TRUTH)
