"""Policy as data: what the hub decides by, as versioned files, and the typed reader for them.

Owns the vocabulary (problem types, agencies, channels, reasons), the routing rules, time frames,
escalation policies, calendars and the visibility table, each value with its source. It never
decides about one case by itself: `policies.rules` and `policies.calendar` are pure functions that
the services call, and every decision stores `Policies.stamp()`.
"""
