"""API keys of the sandbox's own clients, made once and kept beside the hub's other secrets.

Run as `python -m sandbox.hub.keys` with the gateway's settings and SONGTOR_SECRETS_DIR.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.hub.layout import Layout

SCOPES: Mapping[str, tuple[str, ...]] = {
    "doors": (
        "door:walk_in",
        "door:hotline_1300",
        "door:website",
        "door:mobile_app",
        "door:line_ess",
        "door:volunteer_app",
    ),
    "ngo": ("agency:ngo",),
    "msdhs": ("agency:msdhs",),
    "operator": ("operator",),
}
"""Each client of the sandbox and what its key opens."""


def read(layout: Layout, client: str) -> str:
    """Return a client's key, after the keys were made."""
    return _file(layout.secrets, client).read_text(encoding="ascii")


async def make(folder: Path) -> None:
    """Make the keys that are not there yet. One that was made but not kept is an unused row."""
    # Imported here: those who only read a key need no database.
    from mesh.clock import open_clock  # noqa: PLC0415
    from mesh.database import Database  # noqa: PLC0415
    from services.gateway.config import Settings  # noqa: PLC0415
    from services.gateway.keys import create  # noqa: PLC0415

    settings = Settings()
    clock = open_clock(settings.clock_file)
    database = Database(settings.database_url.get_secret_value(), schema="gateway", pool_size=1)
    try:
        for client, scopes in SCOPES.items():
            path = _file(folder, client)
            if not path.exists():
                key = await create(
                    database, client=f"sandbox-{client}", scopes=scopes, now=clock.now()
                )
                _keep(path, key)
    finally:
        await database.close()


def _file(folder: Path, client: str) -> Path:
    return folder / f"api-key-{client}"


def _keep(path: Path, key: str) -> None:
    half = path.with_suffix(".half")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key)
    half.rename(path)


if __name__ == "__main__":
    asyncio.run(make(Path(os.environ["SONGTOR_SECRETS_DIR"])))
