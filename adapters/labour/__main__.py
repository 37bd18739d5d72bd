"""Runs the adapter to labour offices."""

from __future__ import annotations

from adapters.labour.adapter import Labour
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("labour", AdapterSettings(), Labour)
