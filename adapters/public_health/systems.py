"""Identifier and code systems on the FHIR wire."""

from __future__ import annotations

from typing import Any, TypeAlias

Resource: TypeAlias = dict[str, Any]

_OURS = "https://songtor.example/fhir"
DELIVERY = f"{_OURS}/sid/delivery"
ASSIGNMENT = f"{_OURS}/sid/assignment"
REFERRAL = f"{_OURS}/sid/referral"
CASE = f"{_OURS}/sid/case"
PERSON = f"{_OURS}/sid/person"
REPORT = f"{_OURS}/sid/report"
UNIT = f"{_OURS}/sid/unit"
HUB = f"{_OURS}/sid/organization"
PROBLEM = f"{_OURS}/CodeSystem/problem-type"
ESS_CAUSE = f"{_OURS}/CodeSystem/ess-cause"
NEWS = f"{_OURS}/CodeSystem/assignment-news"
AGE_BAND = f"{_OURS}/StructureDefinition/age-band"
TARGET_GROUP = f"{_OURS}/StructureDefinition/target-group"
SILENT = f"{_OURS}/StructureDefinition/silent-report"
PART = f"{_OURS}/StructureDefinition/referral-part"

HCODE = "https://terms.sil-th.org/id/th-moph-hcode"
DOPA = "https://terms.sil-th.org/core/CodeSystem/cs-dopa-location"
ADDRESS_CODE = (
    "https://fhir-ig.sil-th.org/th/extensions/StructureDefinition/ex-address-address-code"
)
NATIONALITY = "http://hl7.org/fhir/StructureDefinition/patient-nationality"
COUNTRY = "urn:iso:std:iso:3166"
LANGUAGE = "urn:ietf:bcp:47"
SNOMED = "http://snomed.info/sct"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"
TASK_CODE = "http://hl7.org/fhir/CodeSystem/task-code"
BUSINESS_STATUS = "http://hl7.org/fhir/us/bser/CodeSystem/TaskBusinessStatusCS"
SDOH = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
CANCELLATION_REQUESTED = "5.2"


def concept(system: str, code: str, text: str = "") -> Resource:
    """Return a CodeableConcept."""
    made: Resource = {"coding": [{"system": system, "code": code}]}
    return {**made, "text": text} if text else made


def codes_of(made: Any, system: str) -> list[str]:
    """Return the codes that a CodeableConcept carries in one system; none when it is malformed."""
    codings = made.get("coding", []) if isinstance(made, dict) else []
    found = [each for each in codings if isinstance(each, dict)]
    return [str(each.get("code", "")) for each in found if each.get("system") == system]
