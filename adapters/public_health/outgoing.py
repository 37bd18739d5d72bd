"""Our words into FHIR; pure. Whatever has no place there is a loss by the map, never a note."""

from __future__ import annotations

from adapters.public_health import systems
from adapters.public_health.systems import Resource, concept
from adapters.sdk import Delivery, Person
from adapters.sdk.mapping import AgencyMap

_ORDER = "urn:uuid:00000000-0000-4000-8000-000000000001"
_PATIENT = "urn:uuid:00000000-0000-4000-8000-0000000001{:02d}"


def offer(delivery: Delivery, agency_map: AgencyMap) -> Resource:
    """Return the transaction that creates Patients, ServiceRequest and Task, once by its key."""
    people = delivery.people or (Person("P0", "", "", "", ()),)
    entries = [
        _entry(
            _PATIENT.format(number),
            _patient(delivery, person, agency_map),
            f"{systems.PERSON}|{_person_key(delivery, person)}",
        )
        for number, person in enumerate(people)
    ]
    key = f"{systems.DELIVERY}|{delivery.delivery_id}"
    addresses = [_PATIENT.format(number) for number in range(len(people))]
    entries.append(_entry(_ORDER, _service_request(delivery, addresses, agency_map), key))
    entries.append(_entry("", _task(delivery, addresses[0], agency_map), key))
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def news(delivery: Delivery) -> Resource:
    """Return the Communication that tells how a case goes that the hospital itself reported."""
    return {
        "resourceType": "Communication",
        "identifier": [_identifier(systems.DELIVERY, delivery.delivery_id)],
        "status": "completed",
        "about": [{"identifier": _identifier(systems.REPORT, delivery.report_id)}],
        "topic": concept(systems.NEWS, delivery.status),
        "sent": delivery.requested_at.isoformat(),
        "sender": {"identifier": _identifier(systems.HUB, "songtor")},
    }


def called_off(task: Resource) -> Resource:
    """Return the Task cancelled where that is still ours to do, else with the wish to cancel."""
    if task.get("status") == "requested":
        return {**task, "status": "cancelled", "statusReason": {"text": "called off by the sender"}}
    wish = concept(systems.BUSINESS_STATUS, systems.CANCELLATION_REQUESTED)
    return {**task, "businessStatus": wish}


def _entry(address: str, resource: Resource, token: str) -> Resource:
    request = {
        "method": "POST",
        "url": resource["resourceType"],
        "ifNoneExist": f"identifier={token}",
    }
    made: Resource = {"resource": resource, "request": request}
    return {"fullUrl": address, **made} if address else made


def _patient(delivery: Delivery, person: Person, agency_map: AgencyMap) -> Resource:
    patient: Resource = {
        "resourceType": "Patient",
        "identifier": [_identifier(systems.PERSON, _person_key(delivery, person))],
        "gender": agency_map.table("sex").theirs_if_any(person.sex) or "unknown",
    }
    extensions: list[Resource] = []
    if person.age_band:
        extensions.append({"url": systems.AGE_BAND, "valueCode": person.age_band})
    extensions += [{"url": systems.TARGET_GROUP, "valueCode": group} for group in person.groups]
    if person.nationality:
        country = concept(systems.COUNTRY, person.nationality)
        inside = [{"url": "code", "valueCodeableConcept": country}]
        extensions.append({"url": systems.NATIONALITY, "extension": inside})
    if extensions:
        patient["extension"] = extensions
    language = agency_map.table("language").theirs_if_any(delivery.safe_contact.language)
    if language:
        patient["communication"] = [
            {"language": concept(systems.LANGUAGE, language), "preferred": True}
        ]
    return patient


def _person_key(delivery: Delivery, person: Person) -> str:
    return f"{delivery.case_id}.{person.pseudonym}"


def _service_request(delivery: Delivery, patients: list[str], agency_map: AgencyMap) -> Resource:
    request: Resource = {
        "resourceType": "ServiceRequest",
        "identifier": [_identifier(systems.DELIVERY, delivery.delivery_id), _placer(delivery)],
        "requisition": _identifier(systems.REFERRAL, delivery.referral_id),
        "status": "active",
        "intent": "order",
        "priority": agency_map.table("urgency").theirs(delivery.urgency),
        "category": [
            concept(systems.SNOMED, "410606002"),
            concept(systems.SDOH, "sdoh-category-unspecified"),
        ],
        "code": concept(systems.PROBLEM, delivery.problem_type),
        "subject": {"reference": patients[0]},
        "authoredOn": delivery.requested_at.isoformat(),
        "occurrencePeriod": {"start": delivery.reported_at.isoformat()},
        "requester": {"identifier": _identifier(systems.HUB, "songtor")},
    }
    others = [{"reference": address} for address in patients[1:]]
    optional = {
        "supportingInfo": others,
        "reasonCode": _reasons(delivery),
        "extension": _flags(delivery),
        "orderDetail": [concept(systems.SDOH, "contacting-subject-prohibited")]
        if delivery.safe_contact.contact_prohibited
        else [],
    }
    request |= {name: value for name, value in optional.items() if value}
    place = _place(delivery)
    if place:
        request |= {"contained": [place], "locationReference": [{"reference": "#place"}]}
    return request


def _reasons(delivery: Delivery) -> list[Resource]:
    reasons: list[Resource] = []
    if delivery.ess_cause:
        reasons.append(concept(systems.ESS_CAUSE, delivery.ess_cause))
    if delivery.need_summary:
        reasons.append({"text": delivery.need_summary})
    return reasons


def _flags(delivery: Delivery) -> list[Resource]:
    flags: list[Resource] = []
    if delivery.silent:
        flags.append({"url": systems.SILENT, "valueBoolean": True})
    if delivery.part:
        flags.append({"url": systems.PART, "valueCode": delivery.part})
    return flags


def _place(delivery: Delivery) -> Resource | None:
    codes = {
        "changwat": delivery.province_code,
        "amphur": delivery.district_code,
        "tumbol": delivery.subdistrict_code,
    }
    known = [
        {"url": name, "valueCodeableConcept": concept(systems.DOPA, code)}
        for name, code in codes.items()
        if code
    ]
    place: Resource = {"resourceType": "Location", "id": "place"}
    if known:
        place["address"] = {"extension": [{"url": systems.ADDRESS_CODE, "extension": known}]}
    if delivery.latitude is not None and delivery.longitude is not None:
        place["position"] = {"latitude": delivery.latitude, "longitude": delivery.longitude}
    return place if len(place) > 2 else None


def _task(delivery: Delivery, patient: str, agency_map: AgencyMap) -> Resource:
    return {
        "resourceType": "Task",
        "identifier": [_identifier(systems.DELIVERY, delivery.delivery_id), _placer(delivery)],
        "groupIdentifier": _identifier(systems.CASE, delivery.reference),
        "status": "requested",
        "intent": "order",
        "priority": agency_map.table("urgency").theirs(delivery.urgency),
        "code": concept(systems.TASK_CODE, "fulfill"),
        "focus": {"reference": _ORDER},
        "for": {"reference": patient},
        "authoredOn": delivery.requested_at.isoformat(),
        "requester": {"identifier": _identifier(systems.HUB, "songtor")},
        "owner": _owner(delivery),
    }


def _owner(delivery: Delivery) -> Resource:
    hcode = delivery.unit_external_ids.get("hcode9", "")
    known = (systems.HCODE, hcode) if hcode else (systems.UNIT, delivery.unit_id)
    owner: Resource = {"type": "Organization", "identifier": _identifier(*known)}
    return {**owner, "display": delivery.unit_name} if delivery.unit_name else owner


def _placer(delivery: Delivery) -> Resource:
    made = _identifier(systems.ASSIGNMENT, delivery.assignment_id)
    return {"type": concept(systems.IDENTIFIER_TYPE, "PLAC"), **made}


def _identifier(system: str, value: str) -> Resource:
    return {"system": system, "value": value}
