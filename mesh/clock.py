"""Where `now` comes from. Every process takes one `Clock`; nothing else reads the time of day.

The virtual clock is real time plus an offset in a file that all processes of a sandbox share, so a
whole hub can be moved a day on at once. Time that is measured rather than told (timeouts, pauses,
latencies) stays on the event loop's own clock.
"""

from __future__ import annotations

import mmap
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

# Microseconds in the machine's own byte order: written and read in one piece, unlike a float, so no
# process ever sees half of an old offset and half of a new one.
_OFFSET = struct.Struct("@q")
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the instant."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return datetime.now(UTC)


class VirtualClock:
    """The machine's clock plus an offset shared by all processes that open the same file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Zeros are no offset. Never emptied first: another process may be on it already.
            if os.fstat(descriptor).st_size < _OFFSET.size:
                os.truncate(descriptor, _OFFSET.size)
            self._shared = mmap.mmap(descriptor, _OFFSET.size)
        finally:
            os.close(descriptor)

    @property
    def offset(self) -> timedelta:
        """How far ahead of the machine's clock this one is."""
        return timedelta(microseconds=_OFFSET.unpack_from(self._shared)[0])

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return datetime.now(UTC) + self.offset

    def advance(self, by: timedelta) -> datetime:
        """Move every process on this clock forward and return the new instant.

        Time never runs backwards: a negative step is refused.
        """
        if by < timedelta(0):
            raise ValueError("a clock is never moved backwards")
        # One writer at a time is the sandbox's own promise.
        _OFFSET.pack_into(self._shared, 0, (self.offset + by) // _MICROSECOND)
        return self.now()


class ManualClock:
    """A clock for tests: it stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant, aware, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on and return the new instant."""
        self._now += by
        return self._now


def open_clock(path: Path | None) -> Clock:
    """Return the virtual clock of `path`, or the machine's when there is none."""
    return VirtualClock(path) if path else SystemClock()
