"""What to bring up, and what each part needs before it: processes and one-time steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from graphlib import CycleError, TopologicalSorter

from sandbox.process import ProcessSpec


class StopRank(IntEnum):
    """The order in which processes are asked to stop: who calls goes before who answers."""

    GATEWAY = 0
    SERVICE = 1
    EDGE = 2
    BROKER = 3
    DATABASE = 4


GRACE = {
    StopRank.GATEWAY: 0.5,
    StopRank.SERVICE: 0.8,
    StopRank.EDGE: 0.6,
    StopRank.BROKER: 0.3,
    StopRank.DATABASE: 0.6,
}
"""Seconds between the request to stop and SIGKILL; all ranks together stay below three."""


@dataclass(frozen=True, slots=True)
class Member:
    """A process to keep running. `make` is called once its needs are ready."""

    name: str
    rank: StopRank
    make: Callable[[], ProcessSpec]
    needs: tuple[str, ...] = ()
    ready_within: float = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """Work done once, before those who need it start."""

    name: str
    run: Callable[[], Awaitable[object]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A process that runs once, to its end, before those who need it start; safe to repeat."""

    name: str
    make: Callable[[], ProcessSpec]
    needs: tuple[str, ...] = ()
    ends_within: float = 60.0


Part = Member | Step | Job
Plan = Sequence[Part]


def check(plan: Plan) -> None:
    """Raise ValueError for a name given twice, an unknown need, or parts that need each other."""
    names = [part.name for part in plan]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"given twice: {', '.join(sorted(twice))}")
    unknown = {need for part in plan for need in part.needs} - set(names)
    if unknown:
        raise ValueError(f"needed but not given: {', '.join(sorted(unknown))}")
    try:
        TopologicalSorter({part.name: part.needs for part in plan}).prepare()
    except CycleError as error:
        raise ValueError(f"need each other: {' -> '.join(error.args[1])}") from None
