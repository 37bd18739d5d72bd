"""Runs the adapter that fails on demand."""

from __future__ import annotations

from adapters.faulty.adapter import Faulty
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("faulty", AdapterSettings(), Faulty)
