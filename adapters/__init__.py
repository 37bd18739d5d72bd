"""Where the agencies' own systems meet the hub."""
