"""The keyset: keys that wrap each report's own key, in one file that only intake reads.

    python -m services.intake.keys create FILE
    python -m services.intake.keys rotate FILE

`rotate` adds a key and makes it the one that new reports use; old keys stay as long as a report
needs them. Destroying a key erases every identity block under it. In production a key management
service mounts the file.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the set, split by purpose so that no two uses share bytes."""

    key_id: str
    wrapping: AESGCM
    """Wraps the keys of identity blocks."""
    follow_up: bytes
    """Derives follow-up codes."""


@dataclass(frozen=True, slots=True)
class Keyset:
    """All keys, and the one that is used for what is new."""

    primary: Key
    keys: Mapping[str, Key]


def read(path: Path) -> Keyset:
    """Read a keyset; refuses a file that others on this machine may read."""
    if path.stat().st_mode & 0o007:
        raise PermissionError(f"{path} can be read by everybody: take that right away")
    document = json.loads(path.read_text(encoding="ascii"))
    keys = {
        key_id: Key(key_id, AESGCM(_derive(secret, b"wrapping")), _derive(secret, b"follow-up"))
        for key_id, text in document["keys"].items()
        if (secret := base64.b64decode(text, validate=True))
    }
    return Keyset(keys[document["primary"]], keys)


def _derive(secret: bytes, purpose: bytes) -> bytes:
    if len(secret) != _KEY_BYTES:
        raise ValueError("a key of the set has not 256 bits")
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"songtor.intake." + purpose).derive(secret)


def create(path: Path) -> None:
    """Write a new keyset with one key; never over a file that is there."""
    _write(path, {}, os.O_EXCL)


def rotate(path: Path) -> None:
    """Add a key to a keyset and make it the primary one."""
    document = json.loads(path.read_text(encoding="ascii"))
    half = path.with_suffix(".half")
    _write(half, document["keys"], os.O_TRUNC)
    half.replace(path)


def _write(path: Path, keys: Mapping[str, str], flag: int) -> None:
    key_id = secrets.token_hex(4)
    fresh = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
    document = {"primary": key_id, "keys": {**keys, key_id: fresh}}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(document, file, indent=1)


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    match arguments:
        case ["create", path]:
            create(Path(path))
        case ["rotate", path]:
            rotate(Path(path))
        case _:
            sys.stderr.write((__doc__ or "") + "\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
