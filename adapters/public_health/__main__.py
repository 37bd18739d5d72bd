"""Runs the adapter to hospitals."""

from __future__ import annotations

from adapters.public_health.adapter import PublicHealth
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("public_health", AdapterSettings(), PublicHealth)
