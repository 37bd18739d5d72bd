"""What routing announces and hears on the broker."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

REFERRAL = Stream("REFERRAL", ("assignment.v1.>", "milestone.v1.>", "referral.v1.>"))
DELIVERY = Stream("DELIVERY", ("delivery.v1.>",))
INBOUND = Stream("INBOUND", ("inbound.v1.>",))
"""Routing keeps it; the adapters write it, each its own subject."""
STREAMS = (REFERRAL, DELIVERY, INBOUND)
SPOKEN = (REFERRAL, DELIVERY)
"""The streams that routing itself writes."""

# Emergencies have a reader of their own: nothing that can wait goes before them.
CASES_FAST = Durable(
    "routing-cases-fast", "CASE", ("case.v1.reported.ess", "case.v1.reported.crisis")
)
CASES = Durable("routing-cases", "CASE", ("case.v1.reported.urgent", "case.v1.reported.normal"))
INBOUND_NEWS = Durable("routing-inbound", "INBOUND", ("inbound.v1.>",))
DURABLES = (CASES_FAST, CASES, INBOUND_NEWS)

GRANT = grant(spiffe_id("service", "routing"), streams=SPOKEN, durables=DURABLES)
