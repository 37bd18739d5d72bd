"""Our words into an EIDO; pure. The same delivery always gives the same EIDO, byte for byte."""

from __future__ import annotations

import json
from typing import Any, TypeAlias
from xml.sax.saxutils import escape

from adapters.sdk import Delivery, DeliveryKind, Person
from adapters.sdk.mapping import AgencyMap

Eido: TypeAlias = dict[str, Any]

HUB_HOST = "hub.songtor.example"
POLICE_HOST = "police.example"
_HUB = f"urn:emergency:uid:agency:songtor:{HUB_HOST}"


def eido_of(delivery: Delivery, agency_map: AgencyMap) -> Eido:
    """Return the EIDO that asks for help, calls it off, or tells how a case of theirs goes."""
    is_news = delivery.kind is DeliveryKind.STATUS
    writer = _Writer(delivery, delivery.report_id if is_news else delivery.assignment_id)
    station = f"urn:emergency:uid:agency:{_station(delivery)}:{POLICE_HOST}"
    eido: Eido = {
        **writer.component("incidentid"),
        "eidoVersion": "1.0",
        "issuingElementIdentification": HUB_HOST,
        "agencyComponent": [
            {**writer.agency("CallReceiving", "hub"), "$id": _HUB},
            _police(writer, delivery, station, owns=is_news),
        ],
        "incidentComponent": _incident(writer, delivery, agency_map),
    }
    if not is_news:
        eido["dispatchComponent"] = [
            {**writer.component("dispatch"), "agencyReference": {"$ref": station}}
        ]
        eido["linkComponent"] = [
            writer.link(delivery.case_id, "PARENT"),
            writer.link(delivery.referral_id, "RELATED"),
        ]
    if delivery.kind is DeliveryKind.OFFER:
        eido |= {name: parts for name, parts in _details(writer, delivery).items() if parts}
    return eido


class _Writer:
    """Writes components with the prologue that every one of them needs."""

    def __init__(self, delivery: Delivery, incident: str) -> None:
        self._at = delivery.requested_at.isoformat()
        self._incident = incident

    def component(self, kind: str, number: str = "") -> Eido:
        name = f"{self._incident}-{number}" if number else self._incident
        return {
            "$id": f"urn:emergency:uid:{kind}:{name}:{HUB_HOST}",
            "lastUpdateTimeStamp": self._at,
            "updatedByAgencyReference": {"$ref": _HUB},
        }

    def agency(self, role: str, kind: str) -> Eido:
        return {
            **self.component("agency"),
            "agencyRoleDescriptionRegistryText": [role],
            "agencyType": [kind],
        }

    def link(self, to: str, direction: str) -> Eido:
        return {
            **self.component("link", direction.lower()),
            "incidentTrackingIdentifier": f"urn:emergency:uid:incidentid:{to}:{HUB_HOST}",
            "linkDirectionCode": direction,
        }

    def data(self, number: str, content: Eido) -> Eido:
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return {**self.component("additionaldata", number), "additionalDataByValue": text}

    def caution(self, text: str) -> Eido:
        return {
            **self.component("caution", text.lower()),
            "cautionTypeInternalText": text,
            "cautionTypeCommonRegistryText": "Other",
            "cautionSeverity": "highest",
        }


def _station(delivery: Delivery) -> str:
    return delivery.unit_external_ids.get("police") or delivery.unit_id


def _police(writer: _Writer, delivery: Delivery, station: str, *, owns: bool) -> Eido:
    police = {**writer.agency("Dispatch", "police"), "$id": station}
    if delivery.unit_name:
        card = ["vcard", [["version", {}, "text", "4.0"], ["org", {}, "text", delivery.unit_name]]]
        police["agencyJcard"] = json.dumps(card, ensure_ascii=False)
    if owns:
        police["incidentOwningAgencyIndicator"] = True
    return police


def _incident(writer: _Writer, delivery: Delivery, agency_map: AgencyMap) -> Eido:
    common = agency_map.table("ess_type").theirs_if_any(delivery.ess_cause)
    incident: Eido = {
        **writer.component("incident"),
        "incidentTypeCommonRegistryText": common
        or agency_map.table("incident_type").theirs(delivery.problem_type),
        "incidentTypeInternalCode": delivery.problem_type,
        "incidentStatusCommonRegistryText": [_status(delivery, agency_map)],
        "internalIncidentId": delivery.reference,
        "incidentCommonPriorityNumber": int(agency_map.table("urgency").theirs(delivery.urgency)),
    }
    if delivery.ess_cause:
        incident["incidentTypeInternalText"] = delivery.ess_cause
    return incident


def _status(delivery: Delivery, agency_map: AgencyMap) -> str:
    if delivery.kind is DeliveryKind.CANCEL:
        return "Cancelled"
    if delivery.kind is DeliveryKind.STATUS:
        return agency_map.table("news").theirs(delivery.status)
    return "Active"


def _details(writer: _Writer, delivery: Delivery) -> dict[str, list[Eido]]:
    contact = delivery.safe_contact
    cautions = {"CONTACT-PROHIBITED": contact.contact_prohibited, "SILENT-REPORT": delivery.silent}
    how = {"channels": list(contact.channels), "hours": contact.hours, "language": contact.language}
    known = {name: value for name, value in how.items() if value}
    people = [_person(writer, person) for person in delivery.people]
    return {
        "personComponent": [component for component, _ in people],
        "additionalDataComponent": [data for _, data in people]
        + ([writer.data("contact", {"safeContact": known})] if known else []),
        "locationComponent": _location(writer, delivery),
        "cautionComponent": [writer.caution(text) for text, holds in cautions.items() if holds],
        "notesComponent": [
            {**writer.component("note"), "notesActionComments": escape(delivery.need_summary)}
        ]
        if delivery.need_summary
        else [],
    }


def _person(writer: _Writer, person: Person) -> tuple[Eido, Eido]:
    summary = {
        "ageBand": person.age_band,
        "sex": person.sex,
        "nationality": person.nationality,
        "groups": list(person.groups),
    }
    known = {name: value for name, value in summary.items() if value}
    data = writer.data(person.pseudonym, {"person": known})
    component = {
        **writer.component("person", person.pseudonym),
        "personIncidentRoleRegistryText": ["Victim"],
        "additionalDataReference": [{"$ref": data["$id"]}],
    }
    return component, data


def _location(writer: _Writer, delivery: Delivery) -> list[Eido]:
    """Return the place as a PIDF-LO: a point where one is known, and the DOPA codes."""
    codes = (delivery.province_code, delivery.district_code, delivery.subdistrict_code)
    civic = "".join(f"<ca:A{n}>{escape(code)}</ca:A{n}>" for n, code in enumerate(codes, 1) if code)
    point = ""
    if delivery.latitude is not None and delivery.longitude is not None:
        point = (
            '<gml:Point xmlns:gml="http://www.opengis.net/gml"'
            ' srsName="urn:ogc:def:crs:EPSG::4326">'
            f"<gml:pos>{delivery.latitude} {delivery.longitude}</gml:pos></gml:Point>"
        )
    if civic:
        civic = (
            '<ca:civicAddress xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr">'
            f"<ca:country>TH</ca:country>{civic}</ca:civicAddress>"
        )
    if not civic and not point:
        return []
    value = (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf"'
        ' xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" entity="pres:case@hub.songtor.example">'
        f'<tuple id="place"><status><gp:geopriv><gp:location-info>{point}{civic}'
        "</gp:location-info><gp:usage-rules/></gp:geopriv></status></tuple></presence>"
    )
    return [
        {
            **writer.component("location"),
            "locationTypeDescriptionRegistryText": "Incident",
            "locationByValue": value,
        }
    ]
