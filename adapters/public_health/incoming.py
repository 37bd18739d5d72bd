"""A hospital's Task into what was done; pure. A Task shows where it stands, not how it got there,
so every deed on the way is told, each with an id that is the same whenever it is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from adapters.public_health import systems
from adapters.public_health.systems import Resource, codes_of
from adapters.sdk import Action, Update
from adapters.sdk.mapping import AgencyMap

_ENDS: Mapping[str, Action | None] = {
    "accepted": None,
    "in-progress": Action.START,
    "on-hold": Action.HOLD,
    "completed": Action.COMPLETE,
    "failed": Action.FAIL,
}
_REASONS = {
    Action.DECLINE: "decline",
    Action.HOLD: "hold",
    Action.FAIL: "fail",
    Action.CONFIRM_CANCEL: "cancel",
    Action.REFUSE_CANCEL: "decline",
}
_VERSIONED = (Action.HOLD, Action.REFUSE_CANCEL)


def updates_of(
    task: Resource,
    procedures: Mapping[str, Resource],
    agency_map: AgencyMap,
    *,
    resumed: bool,
) -> Iterator[Update]:
    """Yield what a Task of ours tells. `resumed`: it was on hold when it was read before."""
    changed_at = _instant(task["meta"]["lastUpdated"])
    reached_at = _reached_at(task)
    record = f"Task/{task['id']}"
    for action in _way(task, reached=reached_at is not None):
        repeats = action in _VERSIONED or (action is Action.START and resumed)
        version = f":v{task['meta']['versionId']}" if repeats else ""
        early = action in (Action.ACCEPT, Action.START, Action.RECORD_REACHED) and not resumed
        yield Update(
            source_id=f"{record}:{action}{version}",
            action=action,
            occurred_at=min(changed_at, reached_at) if reached_at and early else changed_at,
            assignment_id=_assignment(task),
            agency_record_id=record,
            reason_code=_reason(task, action, agency_map),
            outcomes=_outcomes(task, procedures, agency_map) if action is Action.COMPLETE else (),
        )


def _assignment(task: Resource) -> str:
    """Return our assignment's id; without it the SDK knows the Task by its own id."""
    for identifier in task.get("identifier", []):
        if identifier.get("system") == systems.ASSIGNMENT:
            return str(identifier.get("value", ""))
    return ""


def _way(task: Resource, *, reached: bool) -> tuple[Action, ...]:
    """Return the deeds that lead to where the Task stands, oldest first."""
    status = str(task.get("status"))
    if status == "rejected":
        return (Action.DECLINE,)
    if status == "cancelled":
        return (Action.CONFIRM_CANCEL,)
    if status not in _ENDS:
        return ()
    begun = (Action.START, Action.RECORD_REACHED) if reached else ()
    end = _ENDS[status]
    last = () if end is None or end in begun else (end,)
    # A reason belongs to an end or a pause; on a Task at work it says why it is not called off.
    refused = status in ("accepted", "in-progress") and bool(task.get("statusReason"))
    return (Action.ACCEPT, *begun, *last, *((Action.REFUSE_CANCEL,) if refused else ()))


def _reached_at(task: Resource) -> datetime | None:
    """Return when the person was first met: the beginning of the Task's execution period."""
    period = task.get("executionPeriod")
    begun = period.get("start") if isinstance(period, dict) else None
    return _instant(begun) if begun else None


def _reason(task: Resource, action: Action, agency_map: AgencyMap) -> str:
    table = _REASONS.get(action)
    if table is None:
        return ""
    codes = [_last(each) for each in _codings(task.get("statusReason"))]
    known = [agency_map.table(table).ours(code) for code in codes]
    return next((code for code in known if code), "")


def _outcomes(
    task: Resource, procedures: Mapping[str, Resource], agency_map: AgencyMap
) -> tuple[str, ...]:
    """Return our codes of what the Task's resulting activities name."""
    table = agency_map.table("outcome")
    found: list[str] = []
    for output in task.get("output", []):
        if "resulting-activity" not in codes_of(output.get("type"), systems.SDOH):
            continue
        address = output.get("valueReference", {}).get("reference", "")
        activity = output.get("valueCodeableConcept") or procedures.get(address, {}).get("code")
        found += [table.ours(_last(each)) for each in _codings(activity)]
    return tuple(dict.fromkeys(code for code in found if code))


def _codings(made: Any) -> list[Any]:
    return made.get("coding", []) if isinstance(made, dict) else []


def _last(coding: Any) -> str:
    return str(coding.get("code", "")) if isinstance(coding, dict) else ""


def _instant(text: Any) -> datetime:
    instant = datetime.fromisoformat(str(text))
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset")
    return instant
