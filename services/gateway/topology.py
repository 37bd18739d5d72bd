"""What the gateway hears on the broker: news of assignments and alerts for the operators' console.

It hears them as they pass, without a place of its own in the stream: a console that was away asks
for the state again.
"""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

NEWS = ("assignment.v1.>", "alert.v1.>")

STREAMS: tuple[Stream, ...] = ()
DURABLES: tuple[Durable, ...] = ()

GRANT = grant(spiffe_id("service", "gateway"), subscribe=NEWS)
