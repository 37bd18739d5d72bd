"""Stand-in for a foundation's system: signed webhooks in, REST calls to the hub's gateway out."""
