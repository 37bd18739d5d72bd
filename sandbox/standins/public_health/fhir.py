"""FHIR R4B rules of the hospital's server, as pure functions over JSON resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

Resource: TypeAlias = dict[str, Any]

TYPES = frozenset(
    {"Task", "ServiceRequest", "Patient", "Consent", "Organization", "Communication", "Procedure"}
)
IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
TASK_CODES = "http://hl7.org/fhir/CodeSystem/task-code"
BUSINESS_STATUS = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
SDOH_CODES = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
CANCELLATION_REQUESTED = "5.2"

REQUESTER_MAY: Mapping[str, frozenset[str]] = {
    "requested": frozenset({"requested", "cancelled", "entered-in-error"}),
    "accepted": frozenset({"accepted", "cancelled", "entered-in-error"}),
    "in-progress": frozenset({"in-progress", "cancelled", "entered-in-error"}),
    "on-hold": frozenset({"on-hold", "cancelled", "entered-in-error"}),
    "rejected": frozenset({"rejected", "entered-in-error"}),
    "cancelled": frozenset({"cancelled", "entered-in-error"}),
    "failed": frozenset({"failed", "entered-in-error"}),
    "completed": frozenset({"completed", "entered-in-error"}),
    "entered-in-error": frozenset({"entered-in-error"}),
}
"""Task edges that are the requester's; all others are the hospital's own."""


class FhirError(Exception):
    """What the server answers with an OperationOutcome."""

    def __init__(self, status: int, code: str, diagnostics: str, at: str = "") -> None:
        super().__init__(diagnostics)
        self.status = status
        self.outcome = outcome(code, diagnostics, at)


def outcome(code: str, diagnostics: str, at: str = "") -> Resource:
    """Return an OperationOutcome with one error."""
    issue: Resource = {"severity": "error", "code": code, "diagnostics": diagnostics}
    if at:
        issue["expression"] = [at]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def parse(body: bytes) -> Resource:
    """Read a JSON body."""
    try:
        resource = json.loads(body)
    except ValueError as error:
        raise FhirError(400, "structure", f"not JSON: {error}") from None
    if not isinstance(resource, dict):
        raise FhirError(400, "structure", "a resource is a JSON object")
    return resource


def check(resource: Resource, expected: str) -> None:
    """Refuse a resource that is not a well-formed `expected` of R4B."""
    if resource.get("resourceType") != expected:
        raise FhirError(400, "invalid", f"resourceType must be {expected}", "resourceType")
    if expected not in TYPES:
        raise FhirError(404, "not-supported", f"{expected} is not kept here")
    try:
        get_fhir_model_class(expected).model_validate(resource)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join([expected, *map(str, first["loc"])])
        raise FhirError(422, "structure", first["msg"], at) from None


def check_new_task(task: Resource) -> None:
    """Refuse a Task that does not ask for a referral to be fulfilled, as SDOHCC profiles it."""
    for name in ("focus", "for", "authoredOn", "requester"):
        if not task.get(name):
            raise FhirError(422, "required", f"Task.{name} is required", f"Task.{name}")
    if task["intent"] != "order":
        raise FhirError(422, "value", "Task.intent must be order", "Task.intent")
    if not has_code(task.get("code"), TASK_CODES, "fulfill"):
        raise FhirError(422, "value", "Task.code must be fulfill", "Task.code")
    if task["status"] != "requested":
        raise FhirError(422, "business-rule", "a Task comes here as requested", "Task.status")


def check_requesters_change(before: Resource, after: Resource) -> None:
    """Refuse a change of a Task that is not the requester's to make."""
    if after["status"] not in REQUESTER_MAY[before["status"]]:
        raise FhirError(
            422,
            "business-rule",
            f"the requester may not set {after['status']} when the Task is {before['status']}",
            "Task.status",
        )
    if "statusReason" in after and not after["statusReason"].get("text"):
        raise FhirError(422, "required", "statusReason needs a text", "Task.statusReason.text")
    for name in ("intent", "focus", "for", "requester"):
        if after.get(name) != before.get(name):
            raise FhirError(422, "business-rule", f"Task.{name} never changes", f"Task.{name}")


def has_code(concept: Resource | None, system: str, code: str) -> bool:
    """Whether a CodeableConcept carries a code."""
    codings = (concept or {}).get("coding", [])
    return any(each.get("system") == system and each.get("code") == code for each in codings)


def first_code(concept: Resource | None) -> str:
    """Return the first code of a CodeableConcept, or nothing."""
    codings = (concept or {}).get("coding", [])
    return str(codings[0].get("code", "")) if codings else ""


def tokens(resource: Resource) -> list[str]:
    """Return the identifiers of a resource as `system|value`."""
    identifiers = resource.get("identifier", [])
    if isinstance(identifiers, dict):
        identifiers = [identifiers]
    return [f"{each.get('system', '')}|{each.get('value', '')}" for each in identifiers]


def numbered(resource: Resource, kind: str) -> str:
    """Return the identifier of the kind PLAC (sender's) or FILL (receiver's), or nothing."""
    for identifier in resource.get("identifier", []):
        if has_code(identifier.get("type"), IDENTIFIER_TYPES, kind):
            return str(identifier.get("value", ""))
    return ""


def references(node: Any) -> Iterator[Resource]:
    """Yield every Reference within a resource, to be rewritten in place."""
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
