"""What a client may know of a hub that runs: where it answers, and the keys of the sandbox."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.hub import keys
from sandbox.hub.layout import Layout
from sandbox.ports import LOCALHOST
from sandbox.supervisor.state import StateFolder

RUNNING = "hub.json"
"""Under this name the state folder says that everything is up, and where."""
AGENCIES = ("public_health", "police", "labour", "msdhs", "ngo")


@dataclass(frozen=True, slots=True)
class Running:
    """Addresses and keys of one hub. Keys are read from its folder, never printed whole."""

    folder: Path
    gateway: str
    mailbox: str
    smtp: str
    nats_monitor: str
    standins: Mapping[str, str]
    metrics: Mapping[str, str]
    registry: str = ""
    """`host:port` of the registry's gRPC, for the operator's tools."""

    @classmethod
    def of(cls, layout: Layout, ports: Mapping[str, int]) -> Running:
        """Return what the ports say."""

        def url(port: str) -> str:
            return f"http://{LOCALHOST}:{ports[port]}"

        return cls(
            folder=layout.root,
            gateway=url("gateway"),
            mailbox=url("mailbox-health"),
            smtp=f"{LOCALHOST}:{ports['mailbox']}",
            nats_monitor=url("nats-monitor"),
            standins={
                agency: url(f"standin-{agency}")
                for agency in AGENCIES
                if f"standin-{agency}" in ports
            },
            metrics={
                name.removesuffix("-health"): f"{url(name)}/metrics"
                for name in ports
                if name.endswith("-health") and name != "mailbox-health"
            },
            registry=f"{LOCALHOST}:{ports['registry']}" if "registry" in ports else "",
        )

    @classmethod
    def from_folder(cls, folder: StateFolder) -> Running | None:
        """Return the hub that runs in `folder`, or None when none is up there."""
        told = folder.read(RUNNING)
        if folder.owner() is None or not isinstance(told, dict):
            return None
        return cls(**(told | {"folder": Path(told["folder"])}))

    def to_json(self) -> dict[str, object]:
        """Return it as `from_folder` reads it."""
        return asdict(self) | {"folder": str(self.folder)}

    def key(self, client: str) -> str:
        """Return the API key of one of the sandbox's clients; `keys.SCOPES` names them."""
        return keys.read(Layout(self.folder), client)


def usual_folder() -> Path:
    """Return where a hub without a folder of its own lives: one for each user of this machine."""
    given = os.environ.get("SONGTOR_SANDBOX_DIR")
    if given:
        return Path(given)
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"songtor-{os.geteuid()}"
