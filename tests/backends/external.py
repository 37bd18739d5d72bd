"""Servers that somebody else runs, at SONGTOR_TEST_PG_URL (a superuser's) and _NATS_URL."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.backends import Servers


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Return their addresses; an unset one is an error, not a reason to run something else."""
    missing = [
        name
        for name in ("SONGTOR_TEST_PG_URL", "SONGTOR_TEST_NATS_URL")
        if not os.environ.get(name)
    ]
    if missing:
        raise RuntimeError(f"the external backend needs {' and '.join(missing)}")
    yield Servers(
        postgres=os.environ["SONGTOR_TEST_PG_URL"], nats=os.environ["SONGTOR_TEST_NATS_URL"]
    )
