"""Live progress: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

KINDS = ("sent", "delivered", "accepted", "reached", "settled")
LINE_EVERY = 3.0


class Progress:
    """Counts things once each, shows the counts, and knows for how long nothing was new."""

    def __init__(self, console: Console, *, total: int) -> None:
        self._console = console
        self._bars = Bars(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
        self._tasks: dict[str, TaskID] = {
            kind: self._bars.add_task(kind, total=total) for kind in KINDS
        }
        self._newest = self._lined = time.monotonic()

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Write a line above the bars."""
        self._console.print(text, highlight=False)

    def count(self, kind: str, what: str) -> None:
        """Count `what` as one more of `kind`, unless it was counted before."""
        seen = self._seen.setdefault(kind, set())
        if what in seen:
            return
        seen.add(what)
        self._newest = time.monotonic()
        if kind in self._tasks:
            self._bars.advance(self._tasks[kind])
        if not self._console.is_terminal and self._newest - self._lined > LINE_EVERY:
            self._lined = self._newest
            self.say(", ".join(f"{len(found)} {name}" for name, found in self._seen.items()))

    def quiet_for(self) -> float:
        """Return for how many seconds nothing was new."""
        return time.monotonic() - self._newest
