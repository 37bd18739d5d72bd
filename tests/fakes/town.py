"""A made-up directory of one province and its capital: small enough to know every unit by name."""

from __future__ import annotations

from typing import Any

from directory.model import Snapshot, Unit

CHIANG_MAI, BANGKOK, NOWHERE = "50", "10", "63"
EVERY_PROBLEM = ("unready_pregnancy", "trafficking", "child_labour", "violence", "other")


def unit(unit_id: str, agency: str, unit_type: str, *roles: str, **fields: Any) -> Unit:
    """Return a unit of the town that never closes and serves every problem."""
    area = fields.pop("area", "500101")
    given: dict[str, Any] = {
        "external_ids": (("town", unit_id.lower()),),
        "name_th": f"ทดสอบ {unit_id}",
        "name_en": unit_id,
        "agency": agency,
        "ministry": agency if agency not in ("ngo", "bangkok") else "msdhs",
        "affiliation": agency,
        "unit_type": unit_type,
        "roles": roles,
        "problem_types": EVERY_PROBLEM,
        "languages": ("tha",),
        "province": area[:2],
        "district": area[:4],
        "subdistrict": area,
        "latitude": 18.79,
        "longitude": 98.98,
        "coverage": (area[:2],),
        "hours": "24x7",
        "email": f"{unit_id.lower()}@unit.example",
        "phone": "000-000-0000",
        "parent": "",
        "is_intake": True,
        "adapter": agency,
        "tier": "",
        "suspended": False,
        "synthetic": True,
    }
    return Unit(id=unit_id, **{**given, **fields})


def units() -> tuple[Unit, ...]:
    """Return every unit of the town."""
    fl2 = "front_line_2"
    desk = {"adapter": "", "is_intake": False}
    return (
        unit("HOSPITAL-1", "public_health", "hospital", fl2, latitude=18.79),
        unit("HOSPITAL-2", "public_health", "hospital", fl2, latitude=18.85),
        unit("HOSPITAL-3", "public_health", "hospital", fl2, latitude=18.95),
        unit("STATION-1", "police", "police_station", "responder", fl2, latitude=18.79),
        unit("STATION-2", "police", "police_station", "responder", fl2, latitude=18.9),
        unit("OFFICE", "msdhs", "provincial_office", fl2, hours="th-gov"),
        unit("SHELTER", "msdhs", "family_shelter", "responder", fl2, "shelter"),
        unit("LABOUR", "labour", "labour_office", fl2, hours="th-gov"),
        unit("NGO", "ngo", "foundation", "partner"),
        unit(
            "PROVINCE-DESK", "msdhs", "province_desk", "tier_desk", "front_line_1",
            tier="province", **desk,
        ),
        unit(
            "CENTRAL-DESK", "msdhs", "central_desk", "tier_desk",
            area="100101", coverage=("TH",), tier="central", **desk,
        ),
        unit(
            "HOTLINE", "msdhs", "hotline_centre", "front_line_1", fl2,
            area="100101", coverage=("TH",), adapter="",
        ),
    )  # fmt: skip


def town(version: int = 1, *, without: tuple[str, ...] = (), **changed: Unit) -> Snapshot:
    """Return a release of the town's directory, with some units gone or changed."""
    there = {u.id: u for u in units() if u.id not in without}
    return Snapshot.of(version, {**there, **{u.id: u for u in changed.values()}}.values())
