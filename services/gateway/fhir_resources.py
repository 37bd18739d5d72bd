"""Units as FHIR R4B resources: an Organization, the Location it stands at, what it offers there.

Where shelters stand is never said: the directory is read by many.
"""

from __future__ import annotations

from typing import Any

from songtor.registry.v1 import registry_pb2

Resource = dict[str, Any]
HCODE = "https://terms.sil-th.org/id/th-moph-hcode"
UNIT = "urn:songtor:unit"
SYSTEMS = {"hcode5": HCODE, "hcode9": HCODE, "dopa": "urn:th-dopa"}
BCP_47 = {
    "tha": "th",
    "eng": "en",
    "mya": "my",
    "khm": "km",
    "lao": "lo",
    "vie": "vi",
    "zho": "zh",
    "cmn": "zh",
    "msa": "ms",
}
"""Languages whose shorter code BCP 47 wants; the others keep their three letters."""
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHELTER = "shelter"


def organization(unit: registry_pb2.Unit) -> Resource:
    """Return who the unit is."""
    telecom = [
        {"system": system, "value": value, "use": "work"}
        for system, value in (("email", unit.email), ("phone", unit.phone))
        if value
    ]
    return {
        "resourceType": "Organization",
        "id": unit.unit_id,
        "identifier": [
            {"system": UNIT, "value": unit.unit_id},
            *(
                {"system": SYSTEMS.get(system, f"urn:songtor:{system}"), "value": number}
                for system, number in sorted(unit.external_ids.items())
            ),
        ],
        "active": not unit.suspended,
        "type": [_concept("urn:songtor:unit-type", unit.unit_type)],
        "name": unit.name_th,
        **({"alias": [unit.name_en]} if unit.name_en else {}),
        **({"telecom": telecom} if telecom else {}),
        **({"partOf": _reference("Organization", unit.parent_id)} if unit.parent_id else {}),
    }


def location(unit: registry_pb2.Unit) -> Resource:
    """Return where the unit stands; of a shelter only the district."""
    place = unit.place
    hidden = SHELTER in unit.roles
    code = place.district_code if hidden else place.subdistrict_code
    position = {"latitude": place.point.latitude, "longitude": place.point.longitude}
    return {
        "resourceType": "Location",
        "id": unit.unit_id,
        "identifier": [{"system": "urn:th-dopa", "value": code}],
        "status": "suspended" if unit.suspended else "active",
        "mode": "instance",
        "name": unit.name_th,
        "address": {"use": "work", "country": "TH", "state": f"TH-{place.province_code}"},
        **({} if hidden else {"position": position}),
        "managingOrganization": _reference("Organization", unit.unit_id),
    }


def healthcare_service(unit: registry_pb2.Unit) -> Resource:
    """Return what the unit offers: problems, languages, hours, areas."""
    return {
        "resourceType": "HealthcareService",
        "id": unit.unit_id,
        "active": not unit.suspended,
        "providedBy": _reference("Organization", unit.unit_id),
        "location": [_reference("Location", unit.unit_id)],
        "name": unit.name_th,
        **_listed("category", "urn:songtor:role", unit.roles),
        **_listed("type", "urn:songtor:problem-type", unit.problem_types),
        **_listed("characteristic", "urn:th-dopa", unit.coverage),
        **(
            {"communication": [_concept("urn:ietf:bcp:47", tag) for tag in _tags(unit)]}
            if unit.languages
            else {}
        ),
        "availableTime": [_hours(unit.hours)],
    }


def _tags(unit: registry_pb2.Unit) -> list[str]:
    return [BCP_47.get(code, code) for code in unit.languages]


def _hours(calendar: str) -> Resource:
    """Return the usual week; holidays are the calendar's, which the directory names."""
    if calendar == "24x7":
        return {"daysOfWeek": list(WEEK), "allDay": True}
    return {
        "daysOfWeek": list(WEEK[:5]),
        "availableStartTime": "08:30:00",
        "availableEndTime": "16:30:00",
    }


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _listed(name: str, system: str, codes: Any) -> Resource:
    return {name: [_concept(system, code) for code in codes]} if codes else {}


def _reference(kind: str, unit_id: str) -> Resource:
    return {"reference": f"{kind}/{unit_id}"}


KINDS = {
    "Organization": organization,
    "Location": location,
    "HealthcareService": healthcare_service,
}


def bundle(kind: str, units: list[registry_pb2.Unit], links: dict[str, str]) -> Resource:
    """Return a page of a search."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": name, "url": url} for name, url in links.items()],
        **(
            {
                "entry": [
                    {"resource": KINDS[kind](unit), "search": {"mode": "match"}} for unit in units
                ]
            }
            if units
            else {}
        ),
    }


def outcome(code: str, text: str) -> Resource:
    """Return a refusal as FHIR says it."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def capabilities(now: str) -> Resource:
    """Return what can be asked here."""
    searches = [
        {"name": "_id", "type": "token"},
        {"name": "address-state", "type": "string"},
        {"name": "agency", "type": "token"},
        {"name": "role", "type": "token"},
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now,
        "kind": "instance",
        "software": {"name": "Songtor"},
        "implementation": {"description": "The directory that all agencies share, to be read"},
        "fhirVersion": "4.3.0",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": searches,
                    }
                    for kind in KINDS
                ],
            }
        ],
    }
