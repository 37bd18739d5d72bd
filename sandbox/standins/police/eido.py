"""What the police system asks of an EIDO, and how it writes its own; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from sandbox.standins.script import Deed

Eido: TypeAlias = dict[str, Any]

HOST = "police.example"
_INCIDENT = "urn:emergency:uid:incidentid:"
_PROLOGUE = ("$id", "lastUpdateTimeStamp", "updatedByAgencyReference")
_LISTS = (
    "agencyComponent",
    "notesComponent",
    "personComponent",
    "locationComponent",
    "dispatchComponent",
    "agentComponent",
    "cautionComponent",
    "linkComponent",
)
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "agencyComponent": ("agencyRoleDescriptionRegistryText", "agencyType"),
    "notesComponent": ("notesActionComments",),
    "personComponent": ("personIncidentRoleRegistryText",),
    "locationComponent": ("locationTypeDescriptionRegistryText",),
    "linkComponent": ("incidentTrackingIdentifier", "linkDirectionCode"),
}

STATUS: Mapping[Deed, tuple[str, str]] = {
    Deed.ACCEPT: ("ResourcesAssigned", ""),
    Deed.START: ("ResourcesEnroute", ""),
    Deed.REACH: ("ResourcesOnscene", ""),
    Deed.REFUSE_CANCEL: ("ReOpened", ""),
    Deed.COMPLETE: ("Closed", "18"),
    Deed.DECLINE: ("Closed", "15"),
    Deed.FAIL: ("Closed", "14"),
    Deed.CONFIRM_CANCEL: ("Cancelled", "10"),
}
"""Incident status and disposition for each deed; a deed that EIDO has no word for is not here."""


class EidoError(Exception):
    """The EIDO cannot be taken."""


def parse(body: bytes) -> Eido:
    """Read an EIDO and refuse one that lacks what the standard requires."""
    try:
        eido = json.loads(body)
    except ValueError:
        raise EidoError("not JSON") from None
    if not isinstance(eido, dict):
        raise EidoError("an EIDO is a JSON object")
    if eido.get("eidoVersion") != "1.0":
        raise EidoError("eidoVersion must be 1.0")
    if not str(eido.get("$id", "")).startswith(_INCIDENT):
        raise EidoError(f"$id must begin {_INCIDENT}")
    if not eido.get("issuingElementIdentification"):
        raise EidoError("issuingElementIdentification is required")
    if not eido.get("agencyComponent"):
        raise EidoError("agencyComponent is required")
    _check_component("the EIDO", eido, ())
    for name in _LISTS:
        for component in eido.get(name, []):
            _check_component(name, component, _REQUIRED.get(name, ()))
    _check_incident(eido)
    return eido


def _check_incident(eido: Eido) -> None:
    incident = eido.get("incidentComponent")
    if not isinstance(incident, dict):
        raise EidoError("incidentComponent is required here")
    _check_component("incidentComponent", incident, ("incidentTypeCommonRegistryText",))


def _check_component(name: str, component: Any, required: tuple[str, ...]) -> None:
    if not isinstance(component, dict):
        raise EidoError(f"{name} must be an object")
    for field in (*_PROLOGUE, *required):
        if not component.get(field):
            raise EidoError(f"{name}: {field} is required")
    try:
        datetime.fromisoformat(component["lastUpdateTimeStamp"])
    except (TypeError, ValueError):
        raise EidoError(f"{name}: lastUpdateTimeStamp is not a date-time") from None


def incident_id(eido: Eido) -> str:
    """Return the sender's id of the incident, without scheme and host."""
    return bare_id(eido["$id"])


def bare_id(identifier: str) -> str:
    """Return the id within `urn:emergency:uid:<kind>:<id>:<host>`, or the text as it is."""
    parts = identifier.split(":")
    return (
        parts[4] if identifier.startswith("urn:emergency:uid:") and len(parts) > 5 else identifier
    )


def updated_at(eido: Eido) -> datetime:
    """Return when the sender last changed the EIDO."""
    return datetime.fromisoformat(eido["lastUpdateTimeStamp"])


def is_cancelled(eido: Eido) -> bool:
    """Whether the sender calls the incident off."""
    return "Cancelled" in eido["incidentComponent"].get("incidentStatusCommonRegistryText", [])


def is_news(eido: Eido) -> bool:
    """Whether the EIDO tells of an incident that the police own, rather than asks them to go."""
    return any(
        each.get("incidentOwningAgencyIndicator") and HOST in each["$id"]
        for each in eido["agencyComponent"]
    )


def dispatched_unit(eido: Eido) -> str:
    """Return the id of the station that the EIDO asks for."""
    for dispatch in eido.get("dispatchComponent", []):
        reference = dispatch.get("agencyReference", {}).get("$ref", "")
        if reference:
            return bare_id(reference)
    return ""


def notes(eido: Eido) -> str:
    """Return all notes, a line each."""
    return "\n".join(each["notesActionComments"] for each in eido.get("notesComponent", []))


def report(
    asked: Eido, *, number: int, status: str, disposition: str, category: str, note: str, at: str
) -> Eido:
    """Return the EIDO by which the police tell where an incident stands."""
    incident = incident_id(asked)
    agency = f"urn:emergency:uid:agency:{dispatched_unit(asked) or 'command'}:{HOST}"

    def component(kind: str, **fields: Any) -> Eido:
        return {
            "$id": f"urn:emergency:uid:{kind}:{incident}:{HOST}",
            "lastUpdateTimeStamp": at,
            "updatedByAgencyReference": {"$ref": agency},
            **fields,
        }

    told = component(
        "incident",
        incidentTypeCommonRegistryText=asked["incidentComponent"]["incidentTypeCommonRegistryText"],
        incidentStatusCommonRegistryText=[status],
        internalIncidentId=f"P{number:08d}",
    )
    if disposition:
        closing = component("disposition", dispositionCommonRegistryCode=disposition)
        if category:
            closing["dispositionCategoryText"] = category
        told["dispositionComponent"] = [closing]
    eido: Eido = {
        "$id": asked["$id"],
        "lastUpdateTimeStamp": at,
        "updatedByAgencyReference": {"$ref": agency},
        "eidoVersion": "1.0",
        "issuingElementIdentification": f"cad.{HOST}",
        "agencyComponent": [
            component(
                "agency",
                agencyRoleDescriptionRegistryText=["Dispatch"],
                agencyType=["police"],
            )
            | {"$id": agency}
        ],
        "incidentComponent": told,
    }
    if note:
        eido["notesComponent"] = [component("note", notesActionComments=note)]
    return eido
