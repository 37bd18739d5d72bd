"""Runs the adapter to foundations."""

from __future__ import annotations

from adapters.ngo.adapter import Ngo
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("ngo", AdapterSettings(), Ngo)
