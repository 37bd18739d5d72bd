"""Who would not be there is found before an alert needs them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from directory.model import Snapshot
from sandbox.national import national_units
from services.alerting.domain.casefile import Rules
from services.alerting.domain.coverage import PROVINCES, Gap, gaps
from tests.unit.alerting.world import HOURS, POLICIES, START

UNITS = tuple(national_units())
WEEK = [START + timedelta(hours=n) for n in range(0, 7 * 24, 6)]


def found(*without: str, **changed: dict[str, Any]) -> set[tuple[str, str, str]]:
    desks = {unit.id for unit in UNITS if unit.tier}
    units = [
        replace(unit, **changed.get(unit.id, {}))
        for unit in UNITS
        if unit.id in desks and unit.id not in without
    ]
    rules = Rules(POLICIES, HOURS, Snapshot.of(1, units, digest="test"))
    return {(gap.tier, gap.scope, gap.why) for gap in gaps(rules, at=WEEK)}


def desk(tier: str, **fields: str) -> str:
    return next(
        unit.id
        for unit in UNITS
        if unit.tier == tier and all(getattr(unit, k) == v for k, v in fields.items())
    )


def test_there_are_77_provinces() -> None:
    assert len(PROVINCES) == len(set(PROVINCES)) == 77
    assert set(PROVINCES) == {unit.province for unit in UNITS}


def test_the_national_directory_has_somebody_everywhere_at_every_hour() -> None:
    assert found() == set()


@pytest.mark.parametrize("province", ["10", "38", "50", "96"])
def test_a_province_whose_desk_is_gone_is_found(province: str) -> None:
    gone = desk("province", province=province)
    assert found(gone) == {("province", province, "no_desk")}


def test_a_desk_without_an_address_or_suspended_is_found() -> None:
    silent, closed = desk("province", province="50"), desk("ministry", ministry="labour")
    central = desk("central")
    changed = {
        silent: {"email": "", "parent": ""},
        closed: {"suspended": True, "parent": ""},
        central: {"hours": "th-gov"},
    }
    assert found(**changed) == {
        ("province", "50", "no_address"),
        ("ministry", "labour", "suspended"),
        ("central", "", "nobody_on_duty"),
    }


def test_a_gap_names_the_policy_that_counts_on_it() -> None:
    rules = Rules(POLICIES, HOURS, Snapshot.of(1, [], digest="empty"))
    assert Gap("unroutable", "central", "", "no_desk") in set(gaps(rules, at=WEEK))
