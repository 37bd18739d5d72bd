"""What the registry is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of the registry."""

    refresh_seconds: float = Field(default=1.0, gt=0, le=60)
    """How often a replica of the registry asks PostgreSQL for a release that another one made."""
    geo_dir: Path | None = None
    """Folder with GeoJSON files of districts and sub-districts; without it pins get a province."""
