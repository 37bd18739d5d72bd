"""What every command decides with."""

from __future__ import annotations

from collections.abc import Callable

from directory.decide import Decider
from directory.model import Snapshot, Unit
from mesh.outbox import Outbox
from policies.model import Policies
from services.routing.domain.lifecycle import Rules


class Parts:
    """Policies, the directory's replica and the outbox.

    `directory` returns the release in force; before the first one is loaded it raises
    `UnavailableError`, and what was asked is asked again later.
    """

    def __init__(
        self,
        decider: Decider,
        directory: Callable[[], Snapshot],
        outbox: Outbox,
        rules: Rules,
    ) -> None:
        self.decider = decider
        self.outbox = outbox
        self.rules = rules
        self._directory = directory
        self._adapters: tuple[Snapshot | None, frozenset[str]] = (None, frozenset())

    @property
    def policies(self) -> Policies:
        """The policies that decide."""
        return self.decider.policies

    def snapshot(self) -> Snapshot:
        """Return the release to decide by; one batch uses one."""
        return self._directory()

    def unit(self, unit_id: str) -> Unit | None:
        """Return a unit as the directory has it now."""
        return self.snapshot().units.get(unit_id)

    def carries(self, adapter: str) -> bool:
        """Say whether any unit is reached through the adapter of this name."""
        snapshot = self.snapshot()
        known, adapters = self._adapters
        if known is not snapshot:
            adapters = frozenset(unit.adapter for unit in snapshot.units.values() if unit.adapter)
            self._adapters = snapshot, adapters
        return adapter in adapters
