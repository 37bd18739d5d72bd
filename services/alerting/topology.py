"""What alerting announces and hears on the broker."""

from __future__ import annotations

from mesh.identity import spiffe_id
from mesh.topology import Durable, Stream, grant

ALERT = Stream("ALERT", ("alert.v1.>",), max_bytes=512 * 1024**2)
STREAMS = (ALERT,)

# Emergencies have a reader of their own: nothing that can wait goes before them.
CASES_FAST = Durable("alerting-cases-fast", "CASE", ("case.v1.reported.ess",))
CASES = Durable(
    "alerting-cases",
    "CASE",
    ("case.v1.reported.crisis", "case.v1.reported.urgent", "case.v1.reported.normal"),
)
# `received` is left out: that the agency's system has a copy starts, stops and tells nothing.
_STATES = (
    "requested",
    "accepted",
    "in_progress",
    "on_hold",
    "cancel_requested",
    "cancelled",
    "declined",
    "completed",
    "failed",
    "transferred",
    "entered_in_error",
)
REFERRALS = Durable(
    "alerting-referrals",
    "REFERRAL",
    (
        *(f"assignment.v1.{state}" for state in _STATES),
        "milestone.v1.reached",
        "milestone.v1.closed",
        "referral.v1.unroutable",
    ),
)
DURABLES = (CASES_FAST, CASES, REFERRALS)

GRANT = grant(spiffe_id("service", "alerting"), streams=STREAMS, durables=DURABLES)
