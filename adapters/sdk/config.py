"""What an adapter's process is told by its environment."""

from __future__ import annotations

from pydantic import Field, SecretStr

from mesh.clock import Clock, open_clock
from mesh.config import ProcessSettings


class AdapterSettings(ProcessSettings):
    """Settings of every adapter; one that needs more inherits."""

    agency_url: str = ""
    """Address of the agency's system."""
    agency_user: str = ""
    """User name there, where its protocol wants one."""
    agency_secret: SecretStr = SecretStr("")
    """Password, key or signing secret there."""
    agency_timeout_seconds: float = Field(default=10.0, gt=0)
    """How long a call to the agency may take before its outcome is unknown."""
    poll_seconds: float = Field(default=5.0, gt=0)
    """Pause between two looks for changes in the agency's system."""
    concurrency: int = Field(default=32, ge=1, le=500)
    """Deliveries under way at once: the credit that the agency gives us."""
    callback_url: str = ""
    """Address under which the agency reaches this adapter's listener."""
    callback_secret: SecretStr = SecretStr("")
    """Bearer token that the agency must bring to the listener; without it nobody is let in."""

    def clock(self) -> Clock:
        """Return the clock of this process, for a protocol that signs the time."""
        return open_clock(self.clock_file)
