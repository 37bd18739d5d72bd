"""Plumbing that knows no agency and no case."""
