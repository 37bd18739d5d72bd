"""What intake announces and hears on the broker."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

CASE = Stream("CASE", ("case.v1.>",))
STREAMS = (CASE,)

REFERRALS = Durable("intake-referrals", "REFERRAL", ("assignment.v1.>", "referral.v1.>"))
DURABLES = (REFERRALS,)

GRANT = grant(spiffe_id("service", "intake"), streams=STREAMS, durables=DURABLES)
