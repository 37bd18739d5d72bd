"""Measurements. Each prints one JSON line with the machine, its load and the floor beside it."""
