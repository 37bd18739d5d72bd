"""The way of a directory into force: checked, proved against the one before, locked, committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from directory.changes import changes
from directory.decide import Decider
from directory.model import Snapshot, Unit
from directory.places.names import districts
from directory.proof.findings import Finding
from directory.proof.proving import Proof, difference, prove
from mesh.clock import Clock
from mesh.database import Database, Row
from mesh.errors import AbortedError, FieldViolation, InvalidArgumentError
from mesh.outbox import Outbox
from services.registry import commands, storage
from services.registry.domain.faults import Codes
from services.registry.domain.review import Review, Signed
from services.registry.storage import Proposal, Release

TRIES = 5
"""How often a release starts again because another came in between."""


class Importer:
    """Puts directories in force."""

    def __init__(self, database: Database, outbox: Outbox, codes: Codes, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._codes = codes
        self._clock = clock
        self._decider = Decider(codes.policies)
        self._proofs: dict[str, Proof] = {}
        self._known: tuple[Release, Sequence[Unit]] | None = None

    async def release(self, units: Sequence[Unit], signed: Signed) -> Release:
        """Check the directory, prove it, and release it; return after the commit."""
        if not (signed.by_two or self._codes.allow_synthetic):
            raise InvalidArgumentError(
                "two persons make a release: say who approves it, or propose it",
                reason="TWO_PERSONS_NEEDED",
            )
        # Some hundred milliseconds of work: beside the loop, that others may go on asking.
        digest = await asyncio.to_thread(commands.check, units, self._codes)
        for _ in range(TRIES):
            base = await self._newest()
            if base is not None and base.digest == digest:
                return base
            old = await self._units_of(base)
            self._guard(await self._opened(base, old, units, digest), signed)
            async with self._database.transaction() as tx:
                await storage.lock_imports(tx)
                if await storage.newest(tx) != base:
                    continue
                release = await commands.release(
                    tx,
                    self._outbox,
                    units,
                    digest,
                    signed,
                    before=base,
                    old=old,
                    now=self._clock.now(),
                )
            self._known = release, units
            return release
        raise AbortedError("other releases came in between: try again", reason="RELEASE_RACE")

    async def propose(self, units: Sequence[Unit], signed: Signed) -> tuple[Proposal, Review]:
        """Check the directory, keep it, and return what it would change."""
        digest = await asyncio.to_thread(commands.check, units, self._codes)
        base = await self._newest()
        old = await self._units_of(base)
        review = Review(changes(old, units), *await self._compared(base, old, units, digest))
        async with self._database.transaction() as tx:
            now = self._clock.now()
            return await commands.propose(tx, units, digest, signed, base=base, now=now), review

    async def approve(
        self, proposal_id: str, *, importer: str, approver: str, override_reason: str
    ) -> tuple[Release, Sequence[Unit]]:
        """Release a proposal in a second person's name; refused once something else is in force."""
        async with self._database.transaction() as tx:
            proposal, units = await commands.proposed(tx, proposal_id)
            base = await storage.newest(tx)
        if base is not None and base.digest != proposal.digest:
            in_force = base.version
        else:
            in_force = proposal.base_version
        if in_force != proposal.base_version:
            raise AbortedError(
                "another release came in between: propose it again", reason="PROPOSAL_OUTDATED"
            )
        signed = Signed(importer, proposal.author, proposal.reason, approver, override_reason)
        return await self.release(units, signed), units

    async def _newest(self) -> Release | None:
        async with self._database.transaction() as tx:
            return await storage.newest(tx)

    async def _units_of(self, base: Release | None) -> Sequence[Unit]:
        """Return the units of a release; those of the one that was read or made last are kept."""
        if base is None:
            return ()
        if self._known is None or self._known[0] != base:
            async with self._database.transaction() as tx:
                rows = await storage.units_of(tx, base.version)
            self._known = base, await asyncio.to_thread(_units, rows)
        return self._known[1]

    async def _opened(
        self, base: Release | None, old: Sequence[Unit], units: Sequence[Unit], digest: str
    ) -> tuple[Finding, ...]:
        return (await self._compared(base, old, units, digest))[0]

    async def _compared(
        self, base: Release | None, old: Sequence[Unit], units: Sequence[Unit], digest: str
    ) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return what a release would open and close; the first one has nothing to be held to."""
        if base is None:
            return (), ()
        at = self._clock.now()
        before = await asyncio.to_thread(self._proof, base.digest, old, at)
        after = await asyncio.to_thread(self._proof, digest, units, at)
        self._proofs = {base.digest: before, digest: after}
        diff = difference(before, after)
        return diff.opened, diff.closed

    def _proof(self, digest: str, units: Sequence[Unit], at: datetime) -> Proof:
        known = self._proofs.get(digest)
        if known is not None and known.at.date() == at.date():
            return known
        snapshot = Snapshot.of(0, units, digest=digest)
        return prove(snapshot, self._decider, districts(), at, again=False)

    def _guard(self, opened: Sequence[Finding], signed: Signed) -> None:
        if not opened or (signed.override_reason and signed.by_two):
            return
        raise InvalidArgumentError(
            f"the release would open {len(opened)} gaps; two persons may take them with a reason",
            reason="OPENS_GAPS",
            violations=[
                FieldViolation(f.place, f.kind.upper(), f"{f.what}: {f.detail}")
                for f in opened[: commands.SHOWN]
            ],
        )


def _units(rows: Sequence[Row]) -> list[Unit]:
    return list(map(storage.unit_from, rows))
