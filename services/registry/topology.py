"""What the registry announces on the broker."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

REGISTRY = Stream("REGISTRY", ("registry.v1.>",))
STREAMS = (REGISTRY,)
DURABLES: tuple[Durable, ...] = ()

GRANT = grant(spiffe_id("service", "registry"), streams=STREAMS)
