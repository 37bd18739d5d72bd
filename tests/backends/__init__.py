"""Where tests get their real PostgreSQL and NATS from: SONGTOR_TEST_BACKEND.

`embedded` runs the PyPI wheels' servers, `containers` the images of `IMAGES` under testcontainers,
`external` what SONGTOR_TEST_PG_URL and SONGTOR_TEST_NATS_URL name. `auto` (the default) takes
external servers when they are named, else containers when an engine has both images, else embedded.
What is asked for by name is used or fails; nothing falls back in silence.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of one session's servers: a PostgreSQL superuser's, and NATS with JetStream."""

    postgres: str
    nats: str
