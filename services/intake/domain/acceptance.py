"""What a report must be to be stored. Nobody is turned away for knowing little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from mesh.errors import FieldViolation
from policies.model import Policies
from services.intake.domain import areas
from services.intake.domain.areas import Areas
from services.intake.domain.report import PersonFacts, Report
from services.intake.domain.screening import GROUPS

_SKEW = timedelta(minutes=10)
_SEXES = frozenset(("", "male", "female", "other"))
_LANGUAGE = re.compile(r"(?:[a-z]{3})?")
_NATIONALITY = re.compile(r"(?:[A-Z]{3})?")
# Ids only: whatever stands here is announced, so it must not be able to hold a name.
_UNIT = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,63})?")
_OFFICER = re.compile(r"officer:[A-Za-z0-9._-]{1,48}")
_SAFE_CHANNELS = frozenset(("phone", "line", "email", "in_person", "via_reporter"))


def faults(
    report: Report, *, areas_in_force: Areas, policies: Policies, now: datetime
) -> list[FieldViolation]:
    """Return everything that is wrong with the report; nothing when it can be stored."""
    found = [
        *_nothing_told(report),
        *_codes(report, policies),
        *areas.faults(report.place, areas_in_force),
        *_instants(report, now),
        *_contact(report),
    ]
    for number, person in enumerate(report.people):
        found.extend(_person(number, person))
    return found


def _nothing_told(report: Report) -> Iterator[FieldViolation]:
    if not (report.problem_types or report.ess_cause or report.place.known() or report.told):
        yield FieldViolation(
            "report", "NOTHING_TOLD", "a problem, a place or a story is needed to begin"
        )


def _codes(report: Report, policies: Policies) -> Iterator[FieldViolation]:
    for number, code in enumerate(report.problem_types):
        if code not in policies.problem_types:
            yield FieldViolation(
                f"problem_types[{number}]", "UNKNOWN_PROBLEM_TYPE", "no such problem type"
            )
    if report.ess_cause and report.ess_cause not in policies.ess_causes:
        yield FieldViolation("ess_cause", "UNKNOWN_ESS_CAUSE", "no such cause of an emergency")
    if not _LANGUAGE.fullmatch(report.language):
        yield FieldViolation("language", "UNKNOWN_LANGUAGE", "an ISO 639-3 code is needed")
    if not _UNIT.fullmatch(report.receiving_unit_id):
        yield FieldViolation("receiving_unit_id", "UNKNOWN_UNIT", "this is no unit's id")
    for number, entry in enumerate(report.excluded):
        if not _excludable(entry, policies):
            yield FieldViolation(
                f"excluded[{number}]",
                "UNKNOWN_EXCLUSION",
                "a unit's id, agency:<code> or officer:<id> is needed",
            )


def _excludable(entry: str, policies: Policies) -> bool:
    if entry.startswith("agency:"):
        return entry.removeprefix("agency:") in policies.agencies
    return bool(_OFFICER.fullmatch(entry) or (entry and _UNIT.fullmatch(entry)))


def _instants(report: Report, now: datetime) -> Iterator[FieldViolation]:
    latest = now + _SKEW
    for field, at in (("occurred_at", report.occurred_at), ("reported_at", report.reported_at)):
        if at is not None and at > latest:
            yield FieldViolation(field, "IN_THE_FUTURE", "this lies more than 10 minutes ahead")


def _contact(report: Report) -> Iterator[FieldViolation]:
    if report.safe_contact is None:
        return
    channels = report.safe_contact.get("channels")
    if isinstance(channels, list) and not _SAFE_CHANNELS.issuperset(channels):
        yield FieldViolation("safe_contact.channels", "UNKNOWN_CHANNEL", "no such way of contact")
    if not _LANGUAGE.fullmatch(str(report.safe_contact.get("language", ""))):
        yield FieldViolation(
            "safe_contact.language", "UNKNOWN_LANGUAGE", "an ISO 639-3 code is needed"
        )


def _person(number: int, person: PersonFacts) -> Iterator[FieldViolation]:
    if person.sex not in _SEXES:
        yield FieldViolation(
            f"people[{number}].sex", "UNKNOWN_SEX", "male, female, other or nothing"
        )
    if not _NATIONALITY.fullmatch(person.nationality):
        yield FieldViolation(
            f"people[{number}].nationality", "UNKNOWN_NATIONALITY", "an ISO 3166-1 alpha-3 code"
        )
    if not GROUPS.issuperset(person.groups):
        yield FieldViolation(f"people[{number}].groups", "UNKNOWN_GROUP", "no such target group")
