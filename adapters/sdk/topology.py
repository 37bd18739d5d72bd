"""An adapter's place on the broker: its own lane of deliveries in, its own subject of news out."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Grant, Stream, grant


def schema(agency: str) -> str:
    """Return the name of the ledger's schema."""
    return f"adapter_{agency}"


def durable(agency: str) -> Durable:
    """Return the reader of what is to be carried to this agency."""
    return Durable(f"adapter-{agency}", "DELIVERY", (f"delivery.v1.{agency}.>",))


def news(agency: str) -> Stream:
    """Return the part of routing's INBOUND stream that this agency alone may write."""
    return Stream("INBOUND", (f"inbound.v1.{agency}",))


def agency_grant(agency: str) -> Grant:
    """Return what the agency's adapter may say and hear."""
    return grant(spiffe_id("adapter", agency), streams=[news(agency)], durables=[durable(agency)])
