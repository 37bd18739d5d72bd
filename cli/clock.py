"""`songtor clock advance 25h`: only a sandbox has a clock that can be moved."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path

from mesh.clock import VirtualClock
from sandbox.hub.layout import Layout
from sandbox.hub.running import Running, usual_folder
from sandbox.supervisor.state import StateFolder

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def length(text: str) -> timedelta:
    """Return how long `text` says, as 90s, 30m, 25h or 2d."""
    said = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if said is None:
        raise ValueError(f"{text!r} is no length of time: write 90s, 30m, 25h or 2d")
    return timedelta(**{UNITS[said[2]]: int(said[1])})


def run(by: str, data: Path | None) -> int:
    """Move the clock and print the instant it shows then."""
    folder = data or usual_folder()
    running = Running.from_folder(StateFolder(folder))
    if running is None:
        sys.stderr.write(f"no hub runs in {folder}\nstart one: songtor up\n")
        return 1
    try:
        step = length(by)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    now = VirtualClock(Layout(running.folder).clock).advance(step)
    sys.stdout.write(f"{now.isoformat(timespec='seconds')}\n")
    return 0
