"""Who is told: the desk of a tier, or the next up its chain of command, never out of scope.

Every recipient passes `may_be_told`, whatever the policy says: a policy can narrow a scope, nothing
widens it, and nobody in the case's conflict-of-interest set hears of the case.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from directory.model import Snapshot, Unit
from services.alerting.domain.case import Case

UNIT, PROVINCE, MINISTRY, CENTRAL = "unit", "province", "ministry", "central"


@dataclass(frozen=True, slots=True)
class Audience:
    """One tier of one alert: whose desk it is about."""

    tier: str
    ministry: str = ""
    unit_id: str = ""


def excludes(excluded: Collection[str], unit: Unit) -> bool:
    """Return whether a conflict-of-interest set names `unit`, its agency or its ministry.

    A ministry's desk speaks for its ministry, whoever runs it.
    """
    agency = unit.ministry if unit.tier == MINISTRY else unit.agency
    return unit.id in excluded or f"agency:{agency}" in excluded


def conflicted(case: Case, unit: Unit) -> bool:
    """Return whether `unit` must learn nothing of `case`."""
    return excludes(case.excluded, unit)


def may_be_told(case: Case, audience: Audience, unit: Unit) -> bool:
    """Return whether `unit` may hear of `case` as part of `audience`."""
    if conflicted(case, unit) or unit.suspended or not unit.email:
        return False
    match audience.tier:
        case "unit":
            return unit.id == audience.unit_id
        case "province":
            return unit.province == case.province and unit.tier in ("", PROVINCE)
        case "ministry":
            return unit.ministry == audience.ministry and unit.tier in ("", MINISTRY)
        case _:
            return unit.tier == CENTRAL


def desk_of(snapshot: Snapshot, case: Case, audience: Audience) -> Unit | None:
    """Return the desk that stands for `audience`, whether or not it may be told."""
    match audience.tier:
        case "unit":
            return snapshot.units.get(audience.unit_id)
        case "province":
            return snapshot.desks.get((PROVINCE, case.province))
        case "ministry":
            return snapshot.desks.get((MINISTRY, audience.ministry))
        case _:
            return snapshot.desks.get((CENTRAL, ""))


def recipients(snapshot: Snapshot, case: Case, audience: Audience, role: str) -> tuple[Unit, ...]:
    """Return who is told for `role`: the desk on duty, or for `head` the next up its chain.

    A desk whose chain ends with itself, or leads out of its scope, is its own head.
    """
    desk = desk_of(snapshot, case, audience)
    if desk is None:
        return ()
    asked = desk
    if role == "head":
        parent = snapshot.units.get(desk.parent)
        if parent is not None and may_be_told(case, audience, parent):
            asked = parent
    return (asked,) if may_be_told(case, audience, asked) else ()
