"""Stand-in for a police dispatch system that speaks EIDO 1.0 in JSON, both ways."""
