"""`songtor status`: what runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.hub.running import Running, usual_folder
from sandbox.supervisor.state import ProcessState, StateFolder, born
from sandbox.wide import print_whole


def run(data: Path | None) -> int:
    """Print the processes and addresses of the hub; 1 when none is up or a process is not."""
    folder = StateFolder(data or usual_folder())
    running = Running.from_folder(folder)
    if running is None:
        sys.stderr.write(f"no hub runs in {folder.path}\nstart one: songtor up\n")
        return 1
    states = folder.processes()
    console = Console()
    print_whole(console, processes(states))
    console.print()
    print_whole(console, addresses(running))
    return 0 if all(_is_up(state) for state in states) else 1


def processes(states: Sequence[ProcessState]) -> Table:
    """Return the table of processes."""
    table = Table("process", "status", "pid", "restarts", "log", box=None, pad_edge=False)
    for state in states:
        status = state.status if _is_up(state) else f"{state.status}, but gone"
        table.add_row(state.name, status, str(state.pid), str(state.restarts), state.log)
    return table


def addresses(running: Running) -> Table:
    """Return the table of what a person may open, and with what."""
    table = Table("what", "where", "login", box=None, pad_edge=False)
    secrets = running.folder / "secrets"
    table.add_row("reports, cases, alerts (REST)", running.gateway, f"keys: {secrets}/api-key-*")
    table.add_row("API pages", f"{running.gateway}/docs", "none")
    table.add_row("mail that the desks received", running.mailbox, "none")
    for agency, url in running.standins.items():
        table.add_row(f"stand-in of {agency}: its ledger", f"{url}/admin/ledger", "none")
    table.add_row("NATS", running.nats_monitor, "none")
    table.add_row("logs", str(running.folder / "logs"), "")
    return table


def _is_up(state: ProcessState) -> bool:
    gone = state.born is not None and born(state.pid) != state.born
    return state.status == "ready" and not gone
