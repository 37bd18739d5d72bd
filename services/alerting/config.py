"""What alerting is told by its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from mesh.config import ProcessSettings


class Settings(ProcessSettings):
    """Settings of alerting."""

    smtp_server: str = "127.0.0.1:25"
    """`host:port` of the mail server that carries notifications."""
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    """How the connection to the mail server is protected; `none` only inside one machine."""
    smtp_user: str = ""
    """User at the mail server; empty sends without logging in."""
    smtp_password: SecretStr = SecretStr("")
    """Password of `smtp_user`."""
    mail_from: str = "alerts@songtor.example"
    """Sender's address; its domain also makes the Message-IDs."""
    console_url: str = "http://127.0.0.1:8080"
    """Where the links in notifications lead."""
    sweep_seconds: float = Field(default=1.0, gt=0, le=5)
    """Longest pause, in real seconds, between two looks for deadlines that are due."""
    sweep_batch: int = Field(default=250, ge=1, le=5000)
    """Most deadlines that one transaction fires."""
    send_lanes: int = Field(default=4, ge=1, le=64)
    """Messages sent at the same time, each on a connection of its own."""
    send_timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    """Real seconds that the mail server may take to be reached, and again to take a message."""
    directory_file: Path | None = None
    """File that keeps the directory, so that alerting starts while the registry is away."""
