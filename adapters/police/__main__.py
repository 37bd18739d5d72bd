"""Runs the adapter to the police."""

from __future__ import annotations

from adapters.police.adapter import Police
from adapters.sdk import AdapterSettings, run

if __name__ == "__main__":
    run("police", AdapterSettings(), Police)
