"""What the gateway is told by its environment."""

from __future__ import annotations

from pydantic import Field

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of the gateway."""

    database_pool_size: int = Field(default=2, ge=1, le=100)
    """Connections held open to PostgreSQL: only API keys are read there."""
    body_limit: int = Field(default=262_144, ge=1_024)
    """Most bytes of a request's body; more is refused unread."""
    public_website: bool = True
    """Whether a report without an API key is taken, as from the public website."""
    call_timeout_seconds: float = Field(default=5.0, gt=0)
    """How long an answer of another service is waited for."""
    report_lanes: int = Field(default=2, ge=1, le=16)
    """Calls with reports that are on their way to intake at the same time."""
    report_linger_seconds: float = Field(default=0.001, ge=0, le=1)
    """How long a report waits for others that share its call to intake."""
    waiting_reports: int = Field(default=10_000, ge=1)
    """Most reports that wait for their turn; more are asked to come again."""
