"""A case as its reporter sees it: received, helping, closed. Who may open its identity block."""

from __future__ import annotations

from collections.abc import Collection, Iterable

RECEIVED, HELPING, CLOSED = "received", "helping", "closed"

HOLDING = frozenset(("accepted", "in_progress", "on_hold", "cancel_requested"))
"""States of an assignment in which its unit has the case in hand, and may know who it is about."""
_ENDED = frozenset(("completed", "revoked", "entered_in_error"))


def status(assignments: Collection[str], referrals: Collection[str]) -> str:
    """Return the coarse status, from the states of a case's assignments and referrals."""
    if referrals and all(state in _ENDED for state in referrals):
        return CLOSED
    if any(state in HOLDING or state == "completed" for state in assignments):
        return HELPING
    return RECEIVED


def shut_out(excluded: Iterable[str], *, agency: str, unit_id: str) -> bool:
    """Say whether an agency or its unit is implicated in the case: it sees nothing of it."""
    return not {f"agency:{agency}", unit_id}.isdisjoint(excluded)
