"""The standards' official material, where it lies beside the repository; it is never committed."""

from __future__ import annotations

from pathlib import Path

import pytest

_SPEC = Path(__file__).resolve().parents[2] / "shared" / "spec"


def spec_file(name: str) -> Path:
    """Return a file of the official material, or skip with the reason."""
    path = _SPEC / name
    if not path.exists():
        pytest.skip(f"the official material is not here: ../shared/spec/{name}")
    return path
