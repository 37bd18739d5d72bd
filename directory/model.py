"""What a unit is, and a snapshot of all units with the indexes that answer questions quickly.

DOPA codes nest: a sub-district's six digits start with its district's four and its province's two.
So an area is a code of any length, and `TH` is the whole country.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import cos, hypot, radians
from operator import attrgetter

from directory.dated import Affiliation, Capacity, Mandate

COUNTRY = "TH"
"""The coverage code of a unit that answers for every area."""
ALL_DAY = "24x7"
"""The calendar code of a unit that never closes."""
KM_PER_DEGREE = 111.32

Point = tuple[float, float]
"""Latitude and longitude in degrees, WGS 84."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A desk that takes reports, serves people, or is told when others are late."""

    id: str
    external_ids: tuple[tuple[str, str], ...]
    """What others know it by, as (system, value), sorted: `hcode9`, `police`, `dla`."""
    name_th: str
    name_en: str
    agency: str
    ministry: str
    """Whose executives answer for its work."""
    affiliation: str
    """Who owns it today; a primary-care unit may belong to its provincial administration."""
    unit_type: str
    roles: tuple[str, ...]
    problem_types: tuple[str, ...]
    """What it serves. Taking reports is another matter: every intake unit takes any."""
    languages: tuple[str, ...]
    """ISO 639-3 codes."""
    province: str
    district: str
    subdistrict: str
    latitude: float
    longitude: float
    coverage: tuple[str, ...]
    """Areas it answers for, as DOPA codes of any length or `TH`."""
    hours: str
    """A calendar code of the policies; `24x7` never closes."""
    email: str
    phone: str
    parent: str
    """The next unit up the chain of command; empty at the top."""
    is_intake: bool
    adapter: str
    """The agency system that receives its referrals; empty for a unit with no system."""
    tier: str
    """`central`, `ministry` or `province` for the desks that are told; empty for other units."""
    suspended: bool
    synthetic: bool
    """Made up for the sandbox; never a real unit."""
    target_groups: tuple[str, ...] = ()
    """Whom it serves in particular: `child`, `woman`, `elder`, `disability`; empty is everybody."""
    valid_from: str = ""
    """The first day on which it is there; empty is always."""
    valid_until: str = ""
    """The day from which it is there no more."""
    affiliations: tuple[Affiliation, ...] = ()
    """Its owners one after the other; `affiliation` is today's."""
    capacity: tuple[Capacity, ...] = ()
    mandates: tuple[Mandate, ...] = ()

    @property
    def point(self) -> Point:
        return self.latitude, self.longitude


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happens; empty codes are unknown."""

    province: str = ""
    district: str = ""
    subdistrict: str = ""
    point: Point | None = None

    @staticmethod
    def of(code: str, point: Point | None = None) -> Place:
        """Return the place that a DOPA code of two, four or six digits names."""
        return Place(
            code[:2], code[:4] if len(code) >= 4 else "", code if len(code) == 6 else "", point
        )

    @property
    def areas(self) -> tuple[str, ...]:
        """Every area that holds this place, the smallest first, the country last."""
        known = (code for code in (self.subdistrict, self.district, self.province) if code)
        return (*known, COUNTRY)


def distance_km(a: Point, b: Point) -> float:
    """Return the distance on a locally flat earth: within 0.5 % over the length of Thailand."""
    north = a[0] - b[0]
    east = (a[1] - b[1]) * cos(radians((a[0] + b[0]) / 2))
    return KM_PER_DEGREE * hypot(north, east)


_fields_of = attrgetter(*Unit.__slots__)
_FIRST_FIELDS = Unit.__slots__.index("target_groups")
_NOTHING_MORE = ((), "", "", (), (), ())


def canonical(units: Iterable[Unit]) -> Iterator[bytes]:
    """Yield each unit as one line of JSON in the order of ids: equal registries, equal bytes.

    Fields that came later are left out where they say nothing: older digests stay what they were.
    """
    for unit in sorted(units, key=lambda u: u.id):
        fields = _fields_of(unit)
        if fields[_FIRST_FIELDS:] == _NOTHING_MORE:
            fields = fields[:_FIRST_FIELDS]
        line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        yield line.encode() + b"\n"


def digest_of(units: Iterable[Unit]) -> str:
    """Return the SHA-256 over the canonical lines, in hex."""
    digest = sha256()
    for line in canonical(units):
        digest.update(line)
    return digest.hexdigest()


Kind = tuple[str, str, str]
"""Agency, role and unit type: what a routing target asks for."""
UnitsByArea = Mapping[str, tuple[Unit, ...]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One release of the directory, indexed once; reading it takes no lock and no I/O."""

    version: int
    digest: str
    units: Mapping[str, Unit]
    """By id, in the order of ids."""
    unit_types: Mapping[tuple[str, str], tuple[str, ...]]
    """Agency and role to the unit types that play it."""
    by_coverage: Mapping[Kind, UnitsByArea]
    """To the units whose coverage names exactly that area."""
    by_province: Mapping[Kind, UnitsByArea]
    """To the units that stand there."""
    mandated: Mapping[Kind, Mapping[str, tuple[tuple[Mandate, Unit], ...]]]
    """To the units to which a governor gave that area, with the dates between which it holds."""
    centres: Mapping[str, Point]
    """Districts to the middle of their units, provinces to their capital's: for want of a pin."""
    provinces: tuple[str, ...]
    """Those in which a unit stands, in code order."""
    desks: Mapping[tuple[str, str], Unit]
    """(tier, scope) to the desk that is told: `("province", "50")`, `("central", "")`."""

    @staticmethod
    def of(version: int, units: Iterable[Unit], *, digest: str | None = None) -> Snapshot:
        """Index `units`; a digest that is known already need not be computed again."""
        by_id = {unit.id: unit for unit in sorted(units, key=lambda u: u.id)}
        covering: dict[Kind, dict[str, list[Unit]]] = defaultdict(lambda: defaultdict(list))
        standing: dict[Kind, dict[str, list[Unit]]] = defaultdict(lambda: defaultdict(list))
        mandated: dict[Kind, dict[str, list[tuple[Mandate, Unit]]]] = {}
        for unit in by_id.values():
            for mandate in unit.mandates:
                if mandate.role not in unit.roles:
                    continue  # an order to do what the unit does not do
                kind = unit.agency, mandate.role, unit.unit_type
                given = mandated.setdefault(kind, {}).setdefault(mandate.area, [])
                given.append((mandate, unit))
            for role in unit.roles:
                kind = unit.agency, role, unit.unit_type
                standing[kind][unit.province].append(unit)
                for area in unit.coverage:
                    covering[kind][area].append(unit)
        unit_types: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
        for agency, role, unit_type in sorted(standing):
            unit_types[agency, role] += (unit_type,)
        return Snapshot(
            version=version,
            digest=digest or digest_of(by_id.values()),
            units=by_id,
            unit_types=dict(unit_types),
            by_coverage=_frozen(covering),
            by_province=_frozen(standing),
            mandated={
                kind: {area: tuple(given) for area, given in areas.items()}
                for kind, areas in mandated.items()
            },
            centres=_centres(by_id.values()),
            provinces=tuple(sorted({unit.province for unit in by_id.values()})),
            desks={desk_key(unit): unit for unit in by_id.values() if unit.tier},
        )

    def covering(self, kinds: Iterable[Kind], area: str) -> Iterator[Unit]:
        """Yield the units of these kinds whose coverage names exactly `area`."""
        for kind in kinds:
            yield from self.by_coverage.get(kind, {}).get(area, ())

    def standing_in(self, kinds: Iterable[Kind], province: str) -> Iterator[Unit]:
        """Yield the units of these kinds that stand in `province`."""
        for kind in kinds:
            yield from self.by_province.get(kind, {}).get(province, ())

    def provinces_from(self, point: Point) -> list[str]:
        """Return every province, the nearest to `point` first."""
        return sorted(self.provinces, key=lambda p: distance_km(point, self.centres[p]))

    def centre_of(self, place: Place) -> Point | None:
        """Return the pin, else the middle of the smallest area that is known."""
        if place.point is not None:
            return place.point
        return self.centres.get(place.district) or self.centres.get(place.province)


def _frozen(index: Mapping[Kind, Mapping[str, list[Unit]]]) -> dict[Kind, UnitsByArea]:
    return {
        kind: {area: tuple(units) for area, units in areas.items()} for kind, areas in index.items()
    }


def _centres(units: Iterable[Unit]) -> dict[str, Point]:
    points: dict[str, list[Point]] = defaultdict(list)
    for unit in units:
        points[unit.district].append(unit.point)
    centres = {
        district: (sum(p[0] for p in found) / len(found), sum(p[1] for p in found) / len(found))
        for district, found in points.items()
    }
    # The lowest district code of a province is its capital's: 01, by DOPA's custom.
    for district in sorted(centres):
        centres.setdefault(district[:2], centres[district])
    return centres


def desk_key(desk: Unit) -> tuple[str, str]:
    """Return the tier and what part of it the desk is told about: a province, a ministry, all."""
    return desk.tier, {"province": desk.province, "ministry": desk.ministry}.get(desk.tier, "")
