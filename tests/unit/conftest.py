"""Drawn examples are the same on every machine and every run, and no slow machine fails them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("songtor", derandomize=True, deadline=None)
settings.load_profile("songtor")
