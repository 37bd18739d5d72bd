"""The folder of one hub: where everything it keeps is, and the secrets that are made once."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path


class Layout:
    """Paths below a hub's folder. A restart with the same folder finds everything again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.postgres = root / "postgres"
        self.nats = root / "nats"
        self.identities = root / "identities"
        self.passwords = root / "passwords"
        self.secrets = root / "secrets"
        self.keyset = root / "secrets" / "keyset.json"
        self.standins = root / "standins"
        self.mail = root / "mail.jsonl"
        self.clock = root / "clock"
        self.script = root / "standin-script.json"
        self.logs = root / "logs"

    def directory_copy(self, service: str) -> Path:
        """Return the file in which a service keeps its copy of the directory."""
        return self.root / f"directory-of-{service}.jsonl"

    def prepare(self) -> None:
        """Make the folders that hold secrets and people's data, for us alone."""
        for folder in (self.identities, self.passwords, self.secrets, self.standins, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write_script(self, pace: float | None) -> None:
        """Write what the agencies do with a referral, one step every `pace` seconds."""
        after = {} if pace is None else {"after": pace}
        steps = [{"do": deed, **after} for deed in ("accept", "reach", "complete")]
        self.script.write_text(json.dumps({"otherwise": steps}), encoding="utf-8")

    def secret(self, name: str) -> str:
        """Return the secret of that name, made when first asked for."""
        return _kept(self.secrets / name)

    def password(self, schema: str) -> str:
        """Return the password of a schema's database role, made when first asked for."""
        return _kept(self.passwords / schema)


def _kept(path: Path) -> str:
    if not path.exists():
        half = path.with_name(f"{path.name}.half")
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
        half.rename(path)
    return path.read_text(encoding="ascii")
