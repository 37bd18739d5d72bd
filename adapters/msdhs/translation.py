"""Our words into the case management's fields and back; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from adapters.sdk import Action, Delivery, PermanentError, Update
from adapters.sdk.mapping import AgencyMap

Fields: TypeAlias = dict[str, Any]


def case_of(delivery: Delivery, agency_map: AgencyMap) -> Fields:
    """Return the case about the first person, with the service that is asked for."""
    person = delivery.people[0] if delivery.people else None
    place = delivery.subdistrict_code or delivery.district_code or delivery.province_code
    fields: Fields = {
        "id": delivery.case_id,
        "module_id": "primeromodule-cp",
        "other_id_no": delivery.reference,
        "registration_date": delivery.reported_at.date().isoformat(),
        "protection_concerns": [agency_map.table("problem").theirs(delivery.problem_type)],
        "risk_level": agency_map.table("risk").theirs(delivery.urgency),
        "location_current": place,
        "language": [delivery.safe_contact.language] if delivery.safe_contact.language else [],
        "services_section": [service_of(delivery, agency_map)],
    }
    if person is not None:
        fields |= {
            "name_nickname": person.pseudonym,
            "sex": agency_map.table("sex").theirs_if_any(person.sex),
            "nationality": [person.nationality] if person.nationality else [],
        }
    return {name: value for name, value in fields.items() if value not in ("", [])}


def service_of(delivery: Delivery, agency_map: AgencyMap) -> Fields:
    """Return the service that is asked for; its id is our assignment's."""
    service = {
        "unique_id": delivery.assignment_id,
        "service_response_timeframe": agency_map.table("timeframe").theirs(delivery.urgency),
        "service_response_day_time": delivery.requested_at.isoformat(),
        "service_location": delivery.unit_name,
        "service_referral_notes": delivery.need_summary,
    }
    return {name: value for name, value in service.items() if value}


def referral_of(delivery: Delivery) -> Fields:
    """Return the referral of that service to the shelter's user.

    `consent_overridden` claims no consent: it says that the hub refers by its public duty
    (PDPA s.24(4)), which is the only ground it has until consent travels with a delivery.
    """
    return {
        "transitioned_to": delivery.unit_external_ids.get("msdhs") or delivery.unit_id,
        "service_record_id": delivery.assignment_id,
        "consent_overridden": True,
    }


def flags_of(delivery: Delivery, agency_map: AgencyMap) -> list[str]:
    """Return what must stand out on the case, as messages."""
    table = agency_map.table("flag")
    holds = {
        "contact_prohibited": delivery.safe_contact.contact_prohibited,
        "silent": delivery.silent,
    }
    return [table.theirs(name) for name, is_so in holds.items() if is_so]


def losses_of(delivery: Delivery, agency_map: AgencyMap) -> tuple[str, ...]:
    """Return what the case management has no place for; a case there is about one person."""
    others = ("people",) if len(delivery.people) > 1 else ()
    return (*agency_map.losses(delivery), *others)


def updates_of(case: Mapping[str, Any], referrals: Any, agency_map: AgencyMap) -> list[Update]:
    """Return what a case's referrals tell. Raises PermanentError when it cannot be understood."""
    try:
        services = {each["unique_id"]: each for each in case.get("services_section", [])}
        return [
            update
            for referral in referrals
            for update in _referral(
                referral, services.get(referral["service_record_id"], {}), agency_map
            )
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PermanentError("CASE_MALFORMED") from None


def _referral(
    referral: Mapping[str, Any], service: Mapping[str, Any], agency_map: AgencyMap
) -> list[Update]:
    """A referral shows where it stands; every deed on the way is told, with a fixed id each."""
    done = str(service.get("service_implemented", ""))
    reached_at = service.get("service_implemented_day_time")
    answered_at = _instant(referral.get("responded_at") or referral["created_at"])
    actions = _way(str(referral["status"]), service, bool(agency_map.table("fail").ours(done)))
    early = (Action.ACCEPT, Action.START, Action.RECORD_REACHED)
    return [
        Update(
            source_id=f"{referral['id']}:{action}",
            action=action,
            occurred_at=min(_instant(reached_at), answered_at)
            if reached_at and action in early and referral["status"] == "done"
            else _instant(reached_at)
            if reached_at and action in early[1:]
            else answered_at,
            assignment_id=str(referral["service_record_id"]),
            agency_record_id=str(referral["id"]),
            reason_code=_reason(action, referral, done, agency_map),
            outcomes=_outcomes(done, agency_map) if action is Action.COMPLETE else (),
        )
        for action in actions
    ]


def _way(status: str, service: Mapping[str, Any], failed: bool) -> tuple[Action, ...]:
    if status == "rejected":
        return (Action.DECLINE,)
    if status == "revoked":
        return (Action.CONFIRM_CANCEL,)
    if status not in ("accepted", "done"):
        return ()
    begun: tuple[Action, ...] = ()
    if service.get("service_implemented_day_time"):
        begun = (Action.START, Action.RECORD_REACHED)
    elif service.get("service_appointment_date"):
        begun = (Action.START,)
    if status == "accepted":
        return (Action.ACCEPT, *begun)
    return (Action.ACCEPT, *begun, Action.FAIL if failed else Action.COMPLETE)


def _reason(action: Action, referral: Mapping[str, Any], done: str, agency_map: AgencyMap) -> str:
    if action is Action.DECLINE:
        return agency_map.table("decline").ours(str(referral.get("rejected_reason", "")))
    return agency_map.table("fail").ours(done) if action is Action.FAIL else ""


def _outcomes(done: str, agency_map: AgencyMap) -> tuple[str, ...]:
    found = agency_map.table("outcome").ours(done)
    return (found,) if found else ()


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(str(value))
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant
