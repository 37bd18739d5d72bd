"""Errors of an adapter, classed by what must happen next."""

from __future__ import annotations


class TransientError(Exception):
    """Surely not done, and may succeed later: the SDK tries again. `reason` is a short code."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class PermanentError(Exception):
    """Can never succeed as it is: the SDK parks it for a person. `reason` is a short code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownError(Exception):
    """May or may not be done: the SDK asks `find` before it ever sends again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSupportedError(Exception):
    """The agency's system cannot do this; an unknown outcome then goes to a person."""
