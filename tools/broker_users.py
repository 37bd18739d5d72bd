"""Who may say and hear what on the broker, as nats-server reads it: made from the rooms' grants."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mesh.topology import Grant
from sandbox.servers.nats import user_entry

USERS = Path("deploy/k8s/components/nats/users.json")


def users(given: Iterable[Grant]) -> str:
    """Return the users as a file that the broker's configuration includes."""
    entries = [user_entry(grant) for grant in given]
    return json.dumps({"authorization": {"users": entries}}, indent=1) + "\n"
