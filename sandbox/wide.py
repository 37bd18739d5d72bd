"""Printing a table whole: what it says is there to be copied, so nothing of it is cut."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

LIMIT = 1_000


def print_whole(console: Console, table: Table) -> None:
    """Print `table` as wide as it is; a narrower terminal wraps its lines."""
    for column in table.columns:
        column.no_wrap = True
    room = console.options.update(max_width=LIMIT)
    width = max(Measurement.get(console, room, table).maximum, console.width)
    wide = Console(file=console.file, width=width, force_terminal=console.is_terminal)
    wide.print(table)
