"""What alerting announces and hears on the broker."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

ALERT = Stream("ALERT", ("alert.v1.>",))
STREAMS = (ALERT,)

CASES = Durable("alerting-cases", "CASE", ("case.v1.reported.>",))
REFERRALS = Durable(
    "alerting-referrals",
    "REFERRAL",
    ("assignment.v1.>", "milestone.v1.reached", "milestone.v1.closed", "referral.v1.unroutable"),
)
DURABLES = (CASES, REFERRALS)

GRANT = grant(spiffe_id("service", "alerting"), streams=STREAMS, durables=DURABLES)
