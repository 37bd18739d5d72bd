"""Adapter to the police: incidents as EIDO 1.0 JSON, both ways."""
