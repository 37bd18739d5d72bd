"""Folders as the sandbox makes them."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder():
    """Yield a folder that other users may pass through, as the sandbox's own state folder is."""
    with TemporaryDirectory(prefix="songtor-tests-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@pytest.fixture
def private_folder():
    """Yield a folder that only we may enter."""
    with TemporaryDirectory(prefix="songtor-tests-") as name:
        yield Path(name)


root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root needs a way around PostgreSQL's refusal"
)
