"""What intake is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of intake."""

    keyset: Path = Path("/etc/songtor/keyset/keyset.json")
    """Keys that wrap each report's own key: a file made by `python -m services.intake.keys`."""
    geo_dir: Path | None = None
    """Folder with GeoJSON files of districts and sub-districts; without it pins get a province."""
    follow_up_days: int = Field(default=365, ge=1)
    """Days after a case is closed during which its follow-up code still opens the status."""
    commit_batch: int = Field(default=500, ge=1, le=500)
    """Most reports that one transaction stores."""
    commit_lanes: int = Field(default=2, ge=1, le=16)
    """Transactions that store reports at the same time."""
    commit_linger_seconds: float = Field(default=0.001, ge=0, le=1)
    """How long a report waits for others that share its transaction."""
