"""Runs the adapter to the shelters' case management."""

from __future__ import annotations

from adapters.msdhs.adapter import Msdhs
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("msdhs", AdapterSettings(), Msdhs)
