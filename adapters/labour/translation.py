"""Our words into the labour contract's and back; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.sdk import Action, Delivery, DeliveryKind, PermanentError, Person, Update
from adapters.sdk.mapping import AgencyMap

_DEEDS: Mapping[str, tuple[Action, ...]] = {
    "RECEIVED": (),
    "ACCEPTED": (Action.ACCEPT,),
    "REJECTED": (Action.DECLINE,),
    "IN_PROGRESS": (Action.START,),
    "ON_HOLD": (Action.HOLD,),
    "COMPLETED": (Action.COMPLETE,),
    "FAILED": (Action.FAIL,),
    "CANCELLED": (Action.CONFIRM_CANCEL,),
    "CANCEL_REFUSED": (Action.REFUSE_CANCEL,),
}
_REASONS = {
    Action.DECLINE: "decline",
    Action.HOLD: "hold",
    Action.FAIL: "fail",
    Action.CONFIRM_CANCEL: "cancel",
    Action.REFUSE_CANCEL: "decline",
}
# A year beyond this was counted in the Buddhist era.
_LAST_YEAR = 2400


def submission(delivery: Delivery, agency_map: AgencyMap) -> dict[str, Any]:
    """Return the fields of SubmitReferral."""
    contact = delivery.safe_contact
    fields = {
        "submitKey": delivery.delivery_id,
        "referralId": delivery.assignment_id,
        "caseReference": delivery.reference,
        "caseType": delivery.problem_type,
        "urgency": agency_map.table("urgency").theirs(delivery.urgency),
        "officeCode": delivery.unit_external_ids.get("mol") or delivery.unit_id,
        "requestedAt": delivery.requested_at,
        "place": _known(
            provinceCode=delivery.province_code,
            districtCode=delivery.district_code,
            subdistrictCode=delivery.subdistrict_code,
        ),
        "subject": [_subject(person) for person in delivery.people],
        "contact": {"doNotContact": contact.contact_prohibited}
        | _known(channel=list(contact.channels), hours=contact.hours, language=contact.language),
        "reason": delivery.need_summary,
    }
    return _known(**fields)


def update(delivery: Delivery, agency_map: AgencyMap) -> dict[str, Any]:
    """Return the fields of UpdateStatus: a call-off, or news of what they reported themselves."""
    is_news = delivery.kind is DeliveryKind.STATUS
    news = agency_map.table("news")
    fields = {
        "updateKey": delivery.delivery_id,
        "referralId": delivery.report_id if is_news else delivery.assignment_id,
        "status": news.theirs(delivery.status) if is_news else "CANCEL_REQUESTED",
        "statusAt": delivery.requested_at,
    }
    if is_news and delivery.status == "reached":
        fields["firstContactAt"] = delivery.requested_at
    return fields


def updates_of(change: Any, agency_map: AgencyMap) -> list[Update]:
    """Return what one change of a referral tells.

    Raises PermanentError for a change that cannot be understood.
    """
    if change.status not in _DEEDS:
        raise PermanentError("STATUS_UNKNOWN")
    actions = list(_DEEDS[change.status])
    if change.firstContactAt is not None and change.status == "IN_PROGRESS":
        actions.append(Action.RECORD_REACHED)
    return [
        Update(
            source_id=_source(change, action),
            action=action,
            occurred_at=_instant(
                change.firstContactAt if action is Action.RECORD_REACHED else change.statusAt
            ),
            assignment_id=str(change.referralId),
            agency_record_id=str(change.caseNumber),
            reason_code=agency_map.table(_REASONS[action]).ours(str(change.reasonCode or ""))
            if action in _REASONS
            else "",
            outcomes=_outcomes(change, agency_map) if action is Action.COMPLETE else (),
        )
        for action in actions
    ]


def _source(change: Any, action: Action) -> str:
    # A person is reached once, however often the office tells of it.
    number = "" if action is Action.RECORD_REACHED else f":{change.changeNumber}"
    return f"{change.caseNumber}:{action}{number}"


def _outcomes(change: Any, agency_map: AgencyMap) -> tuple[str, ...]:
    table = agency_map.table("outcome")
    found = [table.ours(str(code)) for code in change.outcomeCode]
    return tuple(dict.fromkeys(code for code in found if code))


def _instant(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PermanentError("INSTANT_UNCLEAR")
    if value.year > _LAST_YEAR:
        raise PermanentError("BUDDHIST_YEAR")
    return value


def _subject(person: Person) -> dict[str, Any]:
    return _known(
        pseudonym=person.pseudonym,
        idType="NONE",
        ageBand=person.age_band,
        sex=person.sex,
        nationality=person.nationality,
        group=list(person.groups),
    )


def _known(**fields: Any) -> dict[str, Any]:
    """Leave out what is not known: the contract has no empty values."""
    return {name: value for name, value in fields.items() if value not in ("", [], None)}
