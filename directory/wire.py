"""Units as they travel between the registry and its replicas; the only module that knows both."""

from __future__ import annotations

from sys import intern

from directory.dated import Affiliation, Capacity, Mandate
from directory.model import Place, Unit
from songtor.registry.v1 import registry_pb2
from songtor.type.v1 import type_pb2


def unit_to(unit: Unit) -> registry_pb2.Unit:
    """Return a unit as it travels."""
    return registry_pb2.Unit(
        unit_id=unit.id,
        external_ids=dict(unit.external_ids),
        name_th=unit.name_th,
        name_en=unit.name_en,
        agency=unit.agency,
        ministry=unit.ministry,
        affiliation=unit.affiliation,
        unit_type=unit.unit_type,
        roles=unit.roles,
        problem_types=unit.problem_types,
        languages=unit.languages,
        place=type_pb2.Place(
            province_code=unit.province,
            district_code=unit.district,
            subdistrict_code=unit.subdistrict,
            point=type_pb2.GeoPoint(latitude=unit.latitude, longitude=unit.longitude),
        ),
        coverage=unit.coverage,
        hours=unit.hours,
        email=unit.email,
        phone=unit.phone,
        parent_id=unit.parent,
        is_intake=unit.is_intake,
        adapter=unit.adapter,
        tier=unit.tier,
        suspended=unit.suspended,
        synthetic=unit.synthetic,
        target_groups=unit.target_groups,
        valid_from=unit.valid_from,
        valid_until=unit.valid_until,
        affiliations=[registry_pb2.Affiliation(**a._asdict()) for a in unit.affiliations],
        capacity=[registry_pb2.Capacity(**c._asdict()) for c in unit.capacity],
        mandates=[registry_pb2.Mandate(**m._asdict()) for m in unit.mandates],
    )


def unit_from(message: registry_pb2.Unit) -> Unit:
    """Return the unit that a message says. Codes are shared: thousands of units repeat them."""
    place = message.place
    return Unit(
        id=message.unit_id,
        external_ids=tuple(sorted(message.external_ids.items())),
        name_th=message.name_th,
        name_en=message.name_en,
        agency=intern(message.agency),
        ministry=intern(message.ministry),
        affiliation=intern(message.affiliation),
        unit_type=intern(message.unit_type),
        roles=tuple(map(intern, message.roles)),
        problem_types=tuple(map(intern, message.problem_types)),
        languages=tuple(map(intern, message.languages)),
        province=intern(place.province_code),
        district=intern(place.district_code),
        subdistrict=intern(place.subdistrict_code),
        latitude=place.point.latitude,
        longitude=place.point.longitude,
        coverage=tuple(map(intern, message.coverage)),
        hours=intern(message.hours),
        email=message.email,
        phone=message.phone,
        parent=message.parent_id,
        is_intake=message.is_intake,
        adapter=intern(message.adapter),
        tier=intern(message.tier),
        suspended=message.suspended,
        synthetic=message.synthetic,
        target_groups=tuple(map(intern, message.target_groups)),
        valid_from=message.valid_from,
        valid_until=message.valid_until,
        affiliations=tuple(Affiliation(a.owner, a.since, a.until) for a in message.affiliations),
        capacity=tuple(
            Capacity(c.what, c.maximum, c.available, c.stated_at) for c in message.capacity
        ),
        mandates=tuple(map(_mandate_from, message.mandates)),
    )


def _mandate_from(message: registry_pb2.Mandate) -> Mandate:
    return Mandate(
        kind=message.kind,
        area=message.area,
        role=message.role,
        problem_types=tuple(message.problem_types),
        since=message.since,
        until=message.until,
        by=message.by,
        reference=message.reference,
    )


def place_from(message: type_pb2.Place) -> Place:
    """Return a place; the smallest code names the larger ones that were left out."""
    code = message.subdistrict_code or message.district_code or message.province_code
    pinned = message.HasField("point")
    return Place.of(code, (message.point.latitude, message.point.longitude) if pinned else None)
