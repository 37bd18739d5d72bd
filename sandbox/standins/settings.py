"""Settings of a stand-in: environment only, prefix SONGTOR_."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class StandinSettings(BaseSettings):
    """What every stand-in is told; a stand-in that needs more adds its own fields."""

    model_config = SettingsConfigDict(
        env_prefix="SONGTOR_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    listen: str = "127.0.0.1:0"
    """Host and port of the agency's HTTP interface; port 0 takes a free one and prints it."""

    standin_data: Path
    """Folder for the stand-in's own SQLite file; made when missing."""

    clock_file: Path | None = None
    """Shared virtual-clock offset; without it the clock is the machine's."""

    standin_script: Path | None = None
    """Script to play until one is set over the admin interface."""

    standin_pace: float = 0.05
    """Real seconds between two looks at what is due."""

    standin_token: str = ""
    """Bearer token that the agency asks of its callers; empty asks for none."""

    standin_record: bool = False
    """Keep every request in memory for `GET /admin/requests`; for tests."""
