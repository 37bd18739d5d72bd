"""The plumbing's tables and the ledger."""

from alembic import op

from adapters.sdk.tables import metadata
from mesh.tables import append_only, create_plumbing

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything; there is nothing before it."""
    create_plumbing(op)
    metadata.create_all(op.get_bind(), checkfirst=False)
    append_only(op, "audit_leaf", "quarantine", "loss")
