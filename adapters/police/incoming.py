"""An EIDO of the police into what they did; pure. It shows where an incident stands, so every deed
on the way is told, each with an id that is the same whenever it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.police.outgoing import Eido
from adapters.sdk import Action, PermanentError, Update
from adapters.sdk.mapping import AgencyMap

_INCIDENT = re.compile(r"urn:emergency:uid:incidentid:([^:]{1,64}):.+")
_DECLINED = "15"
_NOT_FOUND = "14"
_AT_WORK: Mapping[str, tuple[Action, ...]] = {
    "Active": (),
    "ResourcesAssigned": (Action.ACCEPT,),
    "ResourcesEnroute": (Action.ACCEPT, Action.START),
    "ResourcesOnscene": (Action.ACCEPT, Action.START, Action.RECORD_REACHED),
    "ReOpened": (Action.REFUSE_CANCEL,),
    "Cancelled": (Action.CONFIRM_CANCEL,),
}


def parse(body: bytes) -> Eido:
    """Read what was pushed; whatever is not an EIDO of an incident is refused."""
    try:
        eido: Any = json.loads(body)
    except ValueError:
        raise PermanentError("NOT_JSON") from None
    if not isinstance(eido, dict) or not isinstance(eido.get("incidentComponent"), dict):
        raise PermanentError("NOT_AN_EIDO")
    return eido


def updates_of(eido: Eido, agency_map: AgencyMap) -> list[Update]:
    """Return what an EIDO tells. Raises PermanentError for one that cannot be understood."""
    incident = eido["incidentComponent"]
    try:
        told_at = datetime.fromisoformat(str(eido["lastUpdateTimeStamp"]))
        statuses = [str(each) for each in incident.get("incidentStatusCommonRegistryText", [])]
        closing = _closing(incident)
    except (KeyError, TypeError, ValueError):
        raise PermanentError("EIDO_MALFORMED") from None
    known = _INCIDENT.fullmatch(str(eido.get("$id", "")))
    if known is None or told_at.tzinfo is None:
        raise PermanentError("EIDO_MALFORMED")
    actions = _actions(statuses, closing, agency_map)
    number = str(incident.get("internalIncidentId", ""))
    return [
        Update(
            source_id=_source(known[1], action, told_at),
            action=action,
            occurred_at=told_at,
            assignment_id=known[1],
            agency_record_id=number,
            reason_code=_reason(action, closing, agency_map),
            outcomes=_outcomes(action, closing, agency_map),
        )
        for action in actions
    ]


def _source(incident: str, action: Action, told_at: datetime) -> str:
    # A request to cancel may be refused more than once; all else happens once to an incident.
    again = f":{told_at.isoformat()}" if action is Action.REFUSE_CANCEL else ""
    return f"{incident}:{action}{again}"


def _actions(
    statuses: list[str], closing: tuple[str, str], agency_map: AgencyMap
) -> tuple[Action, ...]:
    if len(statuses) != 1:
        raise PermanentError("STATUS_UNCLEAR")
    if statuses[0] in _AT_WORK:
        return _AT_WORK[statuses[0]]
    disposition, _ = closing
    if statuses[0] != "Closed":
        raise PermanentError("STATUS_UNKNOWN")
    if disposition == _DECLINED:
        return (Action.DECLINE,)
    if disposition == _NOT_FOUND:
        return (Action.ACCEPT, Action.FAIL)
    if not agency_map.table("outcome").ours(disposition):
        raise PermanentError("DISPOSITION_UNKNOWN")
    return (Action.ACCEPT, Action.COMPLETE)


def _closing(incident: Eido) -> tuple[str, str]:
    """Return the disposition and the police's own category of it."""
    for each in incident.get("dispositionComponent", []):
        code = str(each["dispositionCommonRegistryCode"])
        return code, str(each.get("dispositionCategoryText", ""))
    return "", ""


def _reason(action: Action, closing: tuple[str, str], agency_map: AgencyMap) -> str:
    disposition, category = closing
    if action is Action.DECLINE:
        return agency_map.table("decline").ours(category)
    if action is Action.FAIL:
        found = agency_map.table("fail").ours(category)
        return found or ("not_found" if disposition == _NOT_FOUND and not category else "")
    # EIDO says that an incident goes on, never why.
    return "already_served" if action is Action.REFUSE_CANCEL else ""


def _outcomes(action: Action, closing: tuple[str, str], agency_map: AgencyMap) -> tuple[str, ...]:
    if action is not Action.COMPLETE:
        return ()
    return (agency_map.table("outcome").ours(closing[0]),)
