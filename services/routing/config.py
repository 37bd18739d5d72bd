"""What routing is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of routing."""

    cancel_wait_hours: float = Field(default=24, gt=0)
    """Hours that a unit has to answer a request to cancel; then its sender may cancel alone."""
    commit_batch: int = Field(default=500, ge=1, le=500)
    """Most actions that one transaction does."""
    commit_lanes: int = Field(default=2, ge=1, le=16)
    """Transactions that do actions at the same time."""
    consume_batch: int = Field(default=256, ge=1, le=512)
    """Most messages that one transaction takes."""
    directory_file: Path | None = None
    """File that keeps the directory, so that routing starts while the registry is away."""
