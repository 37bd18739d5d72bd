"""Units as Open Referral HSDS 3.0: a JSON array of services, each whole with its organization.

What HSDS has a place for stands there; the rest are attributes named `songtor:<field>`, so that
nothing is lost on the way back. HSDS is open data by design: where shelters stand is left out
unless it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO
from uuid import UUID, uuid5

from directory.exchange import rows
from directory.exchange.rows import COLUMNS, LISTS, BadRow, FileError
from directory.model import Unit
from directory.places.names import full_name

SPACE = UUID("6f1f5c1e-6a55-5b5e-9d3e-2f4b6a7c8d90")
"""Ids are made from unit ids: the same unit has the same id in every export."""
SYSTEM = "TH-SONGTOR"
IDENTIFIERS = {
    "hcode5": "TH-HCODE",
    "hcode9": "TH-HCODE9",
    "dopa": "TH-DOPA",
    "police": "TH-RTP-STATION",
}
AREA = "urn:th-dopa:"
ATTRIBUTE = "songtor:"
SHELTER = "shelter"
_ELSEWHERE = frozenset(
    (
        "id",
        "external_ids",
        "name_th",
        "name_en",
        "languages",
        "coverage",
        "email",
        "phone",
        "latitude",
        "longitude",
        "suspended",
    )
)
_ATTRIBUTES = tuple(name for name in COLUMNS if name not in _ELSEWHERE)


def write(units: Iterable[Unit], file: TextIO, *, with_shelters: bool = False) -> int:
    """Write one service a line; return how many."""
    count = 0
    file.write("[")
    for unit in sorted(units, key=lambda u: u.id):
        file.write(",\n" if count else "\n")
        place_known = with_shelters or SHELTER not in unit.roles
        file.write(json.dumps(service_of(unit, place_known=place_known), ensure_ascii=False))
        count += 1
    file.write("\n]\n")
    return count


def service_of(unit: Unit, *, place_known: bool = True) -> dict[str, Any]:
    """Return a unit as an HSDS service."""

    def key(what: str) -> str:
        return str(uuid5(SPACE, f"{unit.id} {what}"))

    location: dict[str, Any] = {
        "id": key("location"),
        "location_type": "physical",
        "name": unit.name_th,
        "external_identifier": unit.subdistrict,
        "external_identifier_type": "TH-DOPA",
    }
    if place_known:
        location |= {"latitude": unit.latitude, "longitude": unit.longitude}
    else:
        location["external_identifier"] = unit.district
    return {
        "id": key("service"),
        "organization_id": key("organization"),
        "name": unit.name_th,
        "alternate_name": unit.name_en,
        "status": "temporarily closed" if unit.suspended else "active",
        **({"email": unit.email} if unit.email else {}),
        "phones": [{"id": key("phone"), "number": unit.phone}] if unit.phone else [],
        "languages": [{"id": key(f"lang {code}"), "code": code} for code in unit.languages],
        "schedules": [_schedule(unit, key("schedule"))],
        "service_areas": [
            {"id": key(f"area {code}"), "name": _area_name(code), "uri": AREA + code}
            for code in unit.coverage
        ],
        "service_at_locations": [{"id": key("at"), "location": location}],
        "organization": {
            "id": key("organization"),
            "name": unit.name_th,
            "alternate_name": unit.name_en,
            "description": f"{unit.agency} {unit.unit_type}",
            **({"parent_organization_id": _parent(unit)} if unit.parent else {}),
            "organization_identifiers": [
                {"id": key(f"number {system}"), "identifier_type": kind, "identifier": number}
                for system, kind, number in _identifiers(unit)
            ],
        },
        "attributes": list(_attributes(unit, place_known=place_known)),
    }


def _identifiers(unit: Unit) -> Iterator[tuple[str, str, str]]:
    yield SYSTEM, SYSTEM, unit.id
    for system, number in unit.external_ids:
        yield system, IDENTIFIERS.get(system, ATTRIBUTE + system), number


def _parent(unit: Unit) -> str:
    return str(uuid5(SPACE, f"{unit.parent} organization"))


def _area_name(code: str) -> str:
    return "ประเทศไทย" if code == "TH" else full_name(code)[0].th


def _schedule(unit: Unit, key: str) -> dict[str, Any]:
    """Return the usual week; the calendar itself, with its holidays, is the attribute `hours`."""
    if unit.hours == "24x7":
        days, opens, closes = "MO,TU,WE,TH,FR,SA,SU", "00:00", "24:00"
    else:
        days, opens, closes = "MO,TU,WE,TH,FR", "08:30", "16:30"
    return {
        "id": key,
        "freq": "WEEKLY",
        "byday": days,
        "opens_at": opens,
        "closes_at": closes,
        "timezone": 7,
        "description": unit.hours,
    }


def _attributes(unit: Unit, *, place_known: bool) -> Iterator[dict[str, Any]]:
    for name in _ATTRIBUTES:
        if name == "subdistrict" and not place_known:
            continue
        text = rows.text_of(unit, name)
        for value in text.split(";") if name in LISTS else [text]:
            if value:
                yield {
                    "id": str(uuid5(SPACE, f"{unit.id} {name} {value}")),
                    "link_entity": "service",
                    "link_type": ATTRIBUTE + name,
                    "value": value,
                }


def read(data: bytes) -> Iterator[Unit | BadRow]:
    """Yield each service as a unit, or what is wrong with it, numbered from 1."""
    try:
        document = json.loads(data)
    except ValueError as error:
        raise FileError(f"is no JSON in UTF-8: {error}") from None
    services = document.get("contents") if isinstance(document, dict) else document
    if not isinstance(services, list):
        raise FileError("is no list of HSDS services")
    for number, service in enumerate(services, start=1):
        try:
            values = _values(service)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            text = f"is no service that a directory can hold ({type(error).__name__}: {error})"
            yield BadRow(number, "", "service", "NOT_A_UNIT", text)
            continue
        yield from rows.unit_or_faults(number, values)


def _values(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the service as the columns of a CSV row, so that one reader judges both."""
    values = dict.fromkeys(COLUMNS, "")
    for name in ("is_intake", "synthetic"):
        values[name] = "false"
    lists: dict[str, list[str]] = {}
    for attribute in service.get("attributes", ()):
        name = str(attribute["link_type"]).removeprefix(ATTRIBUTE)
        if not str(attribute["link_type"]).startswith(ATTRIBUTE) or name not in _ATTRIBUTES:
            continue
        lists.setdefault(name, []).append(str(attribute["value"]))
    values |= {name: ";".join(found) for name, found in lists.items()}
    numbers = {
        str(item["identifier_type"]): str(item["identifier"])
        for item in service["organization"].get("organization_identifiers", ())
    }
    systems = {kind: system for system, kind in IDENTIFIERS.items()}
    location = service["service_at_locations"][0]["location"]
    return values | {
        "id": numbers.pop(SYSTEM, ""),
        "external_ids": ";".join(
            f"{systems.get(kind, kind.removeprefix(ATTRIBUTE))}={number}"
            for kind, number in sorted(numbers.items())
        ),
        "name_th": str(service["name"]),
        "name_en": str(service.get("alternate_name", "")),
        "languages": ";".join(item["code"] for item in service.get("languages", ())),
        "coverage": ";".join(
            item["uri"].removeprefix(AREA) for item in service.get("service_areas", ())
        ),
        "email": str(service.get("email", "")),
        "phone": str(service["phones"][0]["number"]) if service.get("phones") else "",
        "latitude": repr(float(location["latitude"])),
        "longitude": repr(float(location["longitude"])),
        "suspended": "false" if service["status"] == "active" else "true",
    }
