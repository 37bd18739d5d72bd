"""Opening the referrals of new cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mesh.database import Transaction
from services.routing.commands.journal import Journal
from services.routing.commands.parts import Parts
from services.routing.domain.model import HUB
from services.routing.storage import referrals
from services.routing.wire import RoutedCase


async def open_cases(
    tx: Transaction, parts: Parts, reported: Sequence[RoutedCase], *, now: datetime
) -> None:
    """Decide who helps with each case and ask them. A case that is known already is left alone."""
    journal = Journal(parts, now=now)
    cases = {case.facts.case_id: _introduced(case, parts) for case in reported}
    fresh = await referrals.insert_cases(tx, list(cases.values()), now=now)
    for case_id, case in cases.items():
        if case_id in fresh:
            journal.open(case)
    if fresh:
        await journal.write(tx)


def _introduced(case: RoutedCase, parts: Parts) -> RoutedCase:
    """Add what the directory says: who refers, and whose adapter carries news back to them."""
    facts, sender = case.facts, case.sender
    if sender == HUB:
        receiver = parts.unit(facts.receiving_unit_id)
        sender = receiver.agency if receiver else HUB
    back = facts.reporting_agency
    hears = parts.carries(back) and not facts.excludes(back, facts.receiving_unit_id)
    return replace(case, sender=sender, hears=back if hears else "")
