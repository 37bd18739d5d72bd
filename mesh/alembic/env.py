"""Alembic's entry: runs one schema's migrations on the connection that `mesh.migrate` gives."""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
schema = context.config.attributes["schema"]

context.configure(
    connection=connection, version_table_schema=schema, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
