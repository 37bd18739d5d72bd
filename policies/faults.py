"""What can be wrong with a policy file, and the one error that says all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong: in which file, at which path, and what."""

    file: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.file} {self.path}: {self.message}"


class PoliciesError(Exception):
    """The policy files cannot be used; `faults` holds every reason, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__(
            f"{len(self.faults)} fault(s) in the policy files:\n"
            + "\n".join(f"  {fault}" for fault in self.faults)
        )
