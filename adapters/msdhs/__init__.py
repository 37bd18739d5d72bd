"""Adapter to the shelters' case management: the Primero v2 API as client, and its webhook."""
