"""The migrations make what the code believes in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from mesh.tables import metadata as plumbing
from services.alerting.tables import metadata
from tests.integration.alerting.office import Office
from tests.plumbing import driver_url


def differences(connection: sa.Connection) -> list[Any]:
    mine = {*metadata.tables}
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_name": lambda name, kind, _: (
                kind != "table" or (name in mine and name not in plumbing.tables)
            ),
        },
    )
    return list(compare_metadata(context, metadata))


async def test_the_migrated_tables_are_those_that_the_code_names(
    office: Office, database: str
) -> None:
    engine = create_async_engine(
        driver_url(database), connect_args={"server_settings": {"search_path": "alerting"}}
    )
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []
