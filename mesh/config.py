"""What every process of the hub is told by its environment, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """Settings common to all processes. A service inherits and adds; names map to SONGTOR_*."""

    model_config = SettingsConfigDict(
        env_prefix="SONGTOR_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        # A refusal would quote what else was set, and passwords are.
        hide_input_in_errors=True,
    )

    env: Literal["sandbox", "production"] = "production"
    """`sandbox` allows the virtual clock, reflection and synthetic units."""
    identity_dir: Path = Path("/etc/songtor/identity")
    """Folder with `ca.pem`, `cert.pem` and `key.pem` of this process."""
    database_url: SecretStr = SecretStr("")
    """`postgresql+asyncpg://role:password@host:port/database` of this process's own role."""
    database_pool_size: int = Field(default=8, ge=1, le=100)
    """Connections held open to PostgreSQL."""
    nats_url: str = ""
    """`tls://host:port` of NATS; several, separated by commas, for a cluster."""
    listen: str = "127.0.0.1:0"
    """`host:port` the process serves on (gRPC, or HTTP for the gateway)."""
    health_listen: str = "127.0.0.1:0"
    """`host:port` of `/healthz`, `/readyz` and `/metrics`: plain HTTP for probes and Prometheus."""
    clock_file: Path | None = None
    """Offset file of the sandbox's virtual clock; refused in production."""
    policies_dir: Path | None = None
    """Folder of policy files; the files shipped with the program when unset."""
    otlp_endpoint: str = ""
    """`http://host:port` of an OpenTelemetry collector; spans are not exported when unset."""
    trace_ratio: float = Field(default=0.01, ge=0, le=1)
    """Share of traces begun here that are recorded."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line that is written."""
    stop_grace_seconds: float = Field(default=10.0, gt=0)
    """Time that running requests get to finish after SIGTERM."""

    registry_address: str = ""
    """`host:port` of the registry's gRPC."""
    intake_address: str = ""
    """`host:port` of intake's gRPC."""
    routing_address: str = ""
    """`host:port` of routing's gRPC."""
    alerting_address: str = ""
    """`host:port` of alerting's gRPC."""

    def model_post_init(self, _context: object, /) -> None:
        """Refuse what must never meet in one process."""
        if self.env == "production" and self.clock_file is not None:
            raise ValueError("SONGTOR_CLOCK_FILE is for the sandbox; unset it in production")


def host_port(address: str) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host stands in brackets."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"not host:port: {address!r}")
    return host.strip("[]"), int(port)
