"""The plumbing's own tables and one effect to count."""

import sqlalchemy as sa
from alembic import op

from mesh.tables import append_only, create_plumbing

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_plumbing(op)
    op.create_table("effect", sa.Column("message_id", sa.Uuid), sa.Column("body", sa.Text))
    append_only(op, "audit_leaf")
