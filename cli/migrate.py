"""`songtor migrate`: bring PostgreSQL and NATS to this version, before its processes start."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli import rollout
from cli.rollout import Rollout
from mesh.identity import Identity


class Settings(BaseSettings):
    """What the migrations are told by their environment."""

    model_config = SettingsConfigDict(
        env_prefix="SONGTOR_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    database_url: SecretStr
    """`postgresql+asyncpg://` address of the role that owns the database, which no service has."""
    passwords_dir: Path
    """Folder with one file for each schema, holding the password of its role."""
    nats_url: str = ""
    """`tls://host:port` of NATS; streams are left alone when unset."""
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Servers that hold each stream."""
    identity_dir: Path = Path("/etc/songtor/identity")
    """Folder with `ca.pem`, `cert.pem` and `key.pem` of `spiffe://songtor/tool/migrate`."""


async def run(settings: Settings) -> None:
    """Do it; safe to repeat, and beside processes of the version before."""
    version = Rollout.of_this_version()
    work = [
        rollout.prepare_database(
            settings.database_url.get_secret_value(),
            version,
            passwords(settings.passwords_dir, version),
        )
    ]
    if settings.nats_url:
        identity = Identity(settings.identity_dir)
        work.append(
            rollout.prepare_broker(
                settings.nats_url, identity, version, replicas=settings.nats_replicas
            )
        )
    await asyncio.gather(*work)


def passwords(folder: Path, version: Rollout) -> dict[str, str]:
    """Read the password of every schema's role; a missing or empty file is an error."""
    found = {
        schema: (folder / schema).read_text(encoding="utf-8").strip() for schema in version.schemas
    }
    empty = sorted(schema for schema, password in found.items() if not password)
    if empty:
        raise ValueError(f"no password in {folder} for {', '.join(empty)}")
    return found
