"""The duty rota: who answers at a unit, and who stands in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from datetime import datetime

from mesh import audit
from mesh.audit import Leaf
from mesh.clock import Clock
from mesh.database import Database
from mesh.errors import InvalidArgumentError
from services.registry import storage
from services.registry.domain.duty import faults
from services.registry.domain.review import Shift

SHOWN = 100


class Rota:
    """Keeps turns of duty; nothing is deleted, a turn that was not begun can be withdrawn."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def set(
        self,
        shifts: Sequence[Shift],
        *,
        unit_ids: Sequence[str],
        known: Container[str],
        author: str,
        reason: str,
        importer: str,
    ) -> tuple[int, int]:
        """Take the rota of these units from now on; return how many turns came and went."""
        found = list(faults(shifts, unit_ids=unit_ids, known=known))
        if found:
            raise InvalidArgumentError(
                "the rota cannot be taken as it is", reason="FAULTY_ROTA", violations=found[:SHOWN]
            )
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await storage.lock_imports(tx)
            withdrawn = await storage.withdraw_shifts(tx, unit_ids, now)
            await storage.add_shifts(tx, shifts, author=author, reason=reason, now=now)
            leaf = Leaf(
                actor=importer,
                action="rota_set",
                subject_id=unit_ids[0],
                facts={"units": len(unit_ids), "taken": len(shifts), "withdrawn": withdrawn},
            )
            await audit.append(tx, [leaf], now=now)
        return len(shifts), withdrawn

    async def on_duty(self, unit_ids: Sequence[str], at: datetime) -> Mapping[str, Sequence[Shift]]:
        """Return who is on duty at each unit, who answers first before the deputies."""
        async with self._database.transaction() as tx:
            rows = await storage.shifts_at(tx, unit_ids, at)
        found: dict[str, list[Shift]] = defaultdict(list)
        for row in rows:
            found[row["unit_id"]].append(Shift(**row))
        return found
