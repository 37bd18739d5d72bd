"""The officer at the agency: does what the script says when it is due.

What was done and what comes next is one transaction, so a killed stand-in goes on where it was.
"""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import datetime

from mesh.clock import Clock
from sandbox.standins import ledger
from sandbox.standins.agency import Agency
from sandbox.standins.script import Step
from sandbox.standins.store import Store

_AT_ONCE = 200


class Player:
    """Plays the due steps of all files, again and again."""

    def __init__(self, store: Store, agency: Agency, clock: Clock, pace: float) -> None:
        self._store = store
        self._agency = agency
        self._clock = clock
        self._pace = pace

    async def run(self) -> None:
        """Play what is due until cancelled."""
        while True:
            played = 0
            if self._something_is_due():
                played = await self._store.write(self._play_due)
            await asyncio.sleep(0 if played == _AT_ONCE else self._pace)

    async def do(self, reference: str, step: Step) -> bool:
        """Do one step now on the file with this reference; return whether its state allowed it."""

        def work(tx: sqlite3.Connection) -> bool:
            referral = ledger.find(tx, reference=reference)
            if referral is None:
                raise LookupError(reference)
            return self._play(tx, referral, step, self._clock.now())

        return await self._store.write(work)

    def _something_is_due(self) -> bool:
        now = ledger.stamp(self._clock.now())
        return bool(self._store.read("SELECT 1 FROM referral WHERE due_at <= ? LIMIT 1", (now,)))

    def _play_due(self, tx: sqlite3.Connection) -> int:
        now = self._clock.now()
        referrals = ledger.due(tx, now, _AT_ONCE)
        for referral in referrals:
            self._play(tx, referral, referral.steps[referral.next_step], now)
            ledger.move_on(tx, referral.key, now)
        return len(referrals)

    def _play(
        self, tx: sqlite3.Connection, referral: ledger.Referral, step: Step, now: datetime
    ) -> bool:
        done = ledger.record(tx, referral, step, now)
        if done:
            self._agency.perform(tx, referral, step, now)
        return done
