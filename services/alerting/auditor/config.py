"""What the auditor is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of the auditor."""

    database_pool_size: int = Field(default=2, ge=1, le=100)
    """Connections held open to PostgreSQL: it reads one thing after another."""
    audit_seconds: float = Field(default=15.0, gt=0, le=60)
    """Real seconds between two looks; whatever is wrong shows within a minute."""
    heartbeat_url: str = ""
    """Where to say, after a look that found nothing, that all is well; whoever answers there raises
    the alarm when nothing comes. It must stand outside this cluster. Empty says it nowhere."""
    directory_file: Path | None = None
    """File that keeps the directory, so that the auditor starts while the registry is away."""
