"""Who may say and hear what on the broker, as nats-server reads it: made from the rooms' grants."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from pathlib import Path

from adapters.sdk.topology import agency_grant
from mesh.identity import spiffe_id
from mesh.topology import Grant, inbox_prefix
from sandbox.servers.nats import user_entry
from tools.wire import ROOT

USERS = Path("deploy/k8s/components/nats/users.json")


def migrations() -> Grant:
    """Return what the migrations need: to make streams and consumers, no more."""
    identity = spiffe_id("tool", "migrate")
    return Grant(identity, ("$JS.API.>",), (f"{inbox_prefix(identity)}.>",))


def grants() -> list[Grant]:
    """Return the grant of every process, and the migrations'."""
    found = [
        importlib.import_module(f"services.{path.parent.name}.topology").GRANT
        for path in sorted((ROOT / "services").glob("*/topology.py"))
    ]
    adapters = [path.parent.name for path in sorted((ROOT / "adapters").glob("*/__main__.py"))]
    return [*found, *(agency_grant(agency) for agency in adapters), migrations()]


def users(given: Iterable[Grant]) -> str:
    """Return the users as a file that the broker's configuration includes."""
    entries = [user_entry(grant) for grant in given]
    return json.dumps({"authorization": {"users": entries}}, indent=1) + "\n"
