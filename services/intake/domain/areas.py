"""Which provinces, districts and sub-districts there are, and whether a place makes sense."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mesh.errors import FieldViolation
from services.intake.domain.report import Place

# Thailand's box with a margin at sea and across the border, where a pin on this side may fall.
_SOUTH, _NORTH, _WEST, _EAST = 5.0, 21.0, 97.0, 106.0


@dataclass(frozen=True, slots=True)
class Areas:
    """All codes in force. They nest: six digits start with the district's four."""

    provinces: frozenset[str]
    districts: frozenset[str]
    subdistricts: frozenset[str]


def completed(place: Place) -> Place:
    """Return the place with the wider areas filled in that its narrower codes imply."""
    district = place.district or place.subdistrict[:4]
    province = place.province or district[:2]
    if district == place.district and province == place.province:
        return place
    return replace(place, district=district, province=province)


def faults(place: Place, areas: Areas) -> Iterator[FieldViolation]:
    """Yield what is wrong with a completed place."""
    if place.province and place.province not in areas.provinces:
        yield _fault("province_code", "UNKNOWN_PROVINCE", "no province has this code")
    elif place.district and place.district not in areas.districts:
        yield _fault("district_code", "UNKNOWN_DISTRICT", "no district has this code")
    elif place.subdistrict and place.subdistrict not in areas.subdistricts:
        yield _fault("subdistrict_code", "UNKNOWN_SUBDISTRICT", "no sub-district has this code")
    elif place.district and not place.district.startswith(place.province):
        yield _fault(
            "district_code", "DISTRICT_OUTSIDE_PROVINCE", "the district is of another province"
        )
    elif place.subdistrict and not place.subdistrict.startswith(place.district):
        yield _fault(
            "subdistrict_code",
            "SUBDISTRICT_OUTSIDE_DISTRICT",
            "the sub-district is of another district",
        )
    if place.latitude is not None and place.longitude is not None:
        inside = _SOUTH <= place.latitude <= _NORTH and _WEST <= place.longitude <= _EAST
        if not inside:
            yield _fault("point", "OUTSIDE_THAILAND", "the point is not in Thailand")


def _fault(field: str, reason: str, description: str) -> FieldViolation:
    return FieldViolation(f"place.{field}", reason, description)
