"""What the faulty adapter is to do wrong next, as data."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """A way to fail."""

    TRANSIENT = "transient"
    """Surely not done; comes again later."""
    PERMANENT = "permanent"
    """Never will be done."""
    DONE_UNKNOWN = "done_unknown"
    """Done, but nobody hears of it."""
    LOST_UNKNOWN = "lost_unknown"
    """Not done, and nobody can tell."""
    SLOW = "slow"
    """Done after `seconds`."""
    CRASH = "crash"
    """An error of no class, as a defect makes it."""


class Fault(BaseModel):
    """One failure, for so many deliveries; for those of one assignment where it is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    times: int = Field(default=1, ge=1)
    seconds: float = Field(default=1.0, ge=0, le=60)
    assignment_id: str = ""


class Plan(BaseModel):
    """The failures to come; what no failure is for goes well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...] = ()


class News(BaseModel):
    """Something that the agency did, to be told at the next look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assignment_id: str
    action: str
    reason_code: str = ""
    outcomes: tuple[str, ...] = ()
