"""How urgent a report is, by the policies; what may be said of it before anybody accepted it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.model import Policies
from services.intake.domain.report import PersonFacts, Report, Summary

CRISIS, URGENT, NORMAL = "crisis", "urgent", "normal"
ESS = "ess"
PRIORITY = {ESS: 0, CRISIS: 1, URGENT: 5, NORMAL: 7}
"""Order in which the lanes leave: an emergency never waits behind a backlog."""

GROUPS = frozenset(("child", "youth", "woman", "elder", "disability", "migrant"))
"""Target groups that may be named in the open; any other word could be somebody's name."""
_BANDS = ((6, "0-6"), (14, "7-14"), (17, "15-17"), (19, "18-19"), (59, "20-59"))
# A run of digits as long as a phone number or an id, however it is spaced, or an e-mail address.
_IDENTIFIER = re.compile(r"\d(?:[\s().-]?\d){6,}|\S+@\S+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_MASK = "***"


def risk_items(report: Report) -> frozenset[str]:
    """Return the risk items that the report's own codes and ages show."""
    found = set()
    if report.ess_cause or report.silent:
        # Who must report without a voice is in danger as they do it (s004).
        found.add("danger_now")
    if any(person.age is not None and person.age < 15 for person in report.people):
        found.add("under_15")
    return frozenset(found)


def urgency(report: Report, policies: Policies) -> str:
    """Return how urgent the report is: never less than it was judged at the door."""
    if report.ess_cause or report.judged == CRISIS:
        return CRISIS
    risks = risk_items(report)
    for code in report.problem_types or ("other",):
        problem = policies.problem_types.get(code)
        if problem is not None and not risks.isdisjoint(problem.crisis_hints):
            return CRISIS
    return report.judged or NORMAL


def lane(report: Report, screened: str) -> str:
    """Return the lane on which the case is announced."""
    return ESS if report.ess_cause else screened


def problem_types(report: Report, policies: Policies) -> tuple[str, ...]:
    """Return the report's problem types; an emergency without any opens with its cause's own."""
    if report.problem_types or not report.ess_cause:
        return report.problem_types
    return (policies.ess_causes[report.ess_cause].problem_type,)


def age_band(age: int | None) -> str:
    """Return the band of an age, or an empty string when it is unknown."""
    if age is None:
        return ""
    return next((band for limit, band in _BANDS if age <= limit), "60+")


def summaries(people: Sequence[PersonFacts]) -> tuple[Summary, ...]:
    """Return what may be said of the people, under pseudonyms that mean nothing elsewhere."""
    return tuple(
        Summary(f"P{number}", age_band(person.age), person.sex, person.nationality, _groups(person))
        for number, person in enumerate(people, start=1)
    )


def _groups(person: PersonFacts) -> tuple[str, ...]:
    groups = set(person.groups)
    if person.age is not None and person.age < 18:
        groups.add("child")
    if person.age is not None and person.age >= 60:
        groups.add("elder")
    return tuple(sorted(groups))


def without_identifiers(text: str) -> str:
    """Return the text fit for eyes that may not know the person: no numbers, no e-mail addresses.

    Names cannot be told from words: who writes a summary is asked to leave them out.
    """
    return _IDENTIFIER.sub(_MASK, _CONTROL.sub(" ", text).strip())
