"""Prove one snapshot under one set of policies, and say what changed since another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from directory.decide import OFFICE_HOURS, Decider, Question, day_of
from directory.model import Place, Snapshot
from directory.proof import findings
from directory.proof.answering import Answers, Districts, names_of
from directory.proof.asked import ANY, ROUTING, Asked, every_question
from directory.proof.classes import HourClass, hour_classes
from directory.proof.findings import DISPROVED, GAP, UNSUPPORTED, Finding
from directory.resolve import Query, resolve

NOBODY = "nobody"
Told = tuple[str, str, str, str]
"""Question's kind, rule or role, kind of hour, step that answers."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was asked, who answers, and what is wrong."""

    version: int
    digest: str
    policy_digest: str
    at: datetime
    classes: tuple[HourClass, ...]
    subdistricts: int
    questions: int
    """Different questions: rules or roles, problems, urgencies, kinds of hour."""
    answered: int
    """Questions times the sub-districts they are asked for."""
    told: Mapping[Told, int]
    findings: tuple[Finding, ...]
    asked_again: int = 0
    """How many answers the resolver itself was asked for, to check the proof."""
    steps: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(question, place) to the step that answers: what a diff compares."""

    @property
    def holds(self) -> bool:
        return not self.findings


def prove(
    snapshot: Snapshot,
    decider: Decider,
    districts: Districts,
    at: datetime,
    *,
    again: bool = True,
) -> Proof:
    """Answer every question for every sub-district and return what is wrong.

    `again` asks the resolver itself for one place of every kind and takes its word: seconds
    instead of a fraction of one. What is dated is proved for the day of `at` and for every later
    day on which something begins or ends.
    """
    policies = decider.policies
    classes = hour_classes(policies, OFFICE_HOURS, at)
    if not again:
        classes = tuple({c.open_calendars: c for c in reversed(classes)}.values())
    questions = list(every_question(policies, classes))
    told: Counter[Told] = Counter()
    steps: dict[tuple[str, str], str] = {}
    found: set[Finding] = set()
    asked_again = 0
    today = day_of(at)
    for day in (today, *_later_days(snapshot, today)):
        answers = Answers(snapshot, districts, day)
        of_day: list[Finding] = []
        for asked in questions:
            of_day += findings.of_answers(asked, answers, policies.coverage.accepted)
            if day == today:
                _tell(asked, answers, told, steps)
        of_day += findings.of_jurisdictions(snapshot, districts, policies.coverage, day)
        checked = list(_again(snapshot, decider, questions, answers)) if again else []
        of_day += [finding for finding in checked if finding is not None]
        asked_again += len(checked)
        found |= set(of_day) if day == today else _from(day, of_day, found)
    return Proof(
        version=snapshot.version,
        digest=snapshot.digest,
        policy_digest=policies.digest,
        at=at,
        classes=classes,
        subdistricts=sum(map(len, districts.values())),
        questions=len({asked.name for asked in questions}),
        answered=told.total(),
        told=told,
        findings=tuple(sorted(found)),
        asked_again=asked_again,
        steps=steps,
    )


def _tell(
    asked: Asked, answers: Answers, told: Counter[Told], steps: dict[tuple[str, str], str]
) -> None:
    names = names_of(asked)
    for answer in answers.of(asked):
        step = NOBODY if answer.step is None else names[answer.step]
        told[asked.kind, asked.by, asked.hours.name, step] += answer.count
        steps[asked.name, answer.place] = step


def _later_days(snapshot: Snapshot, today: str) -> list[str]:
    """Return every day after today on which a unit or a mandate begins or ends."""
    days = {
        day
        for unit in snapshot.units.values()
        for period in (
            (unit.valid_from, unit.valid_until),
            *((m.since, m.until) for m in unit.mandates),
        )
        for day in period
    }
    return sorted(day for day in days if day > today)


def _from(day: str, of_day: list[Finding], found: set[Finding]) -> set[Finding]:
    """Return what is wrong from a later day on and was not before, with the day in its name."""
    known = {(f.kind, f.what.partition(" · from ")[0], f.place) for f in found}
    return {
        replace(f, what=f"{f.what} · from {day}")
        for f in of_day
        if (f.kind, f.what, f.place) not in known
    }


def _again(
    snapshot: Snapshot, decider: Decider, questions: list[Asked], answers: Answers
) -> Iterator[Finding | None]:
    """Ask the resolver for every place that is answered apart; None where it agrees.

    Once for each set of open calendars: the resolver sees no more of the clock.
    """
    seen: set[object] = set()
    for asked in questions:
        key = (
            asked.kind,
            asked.by,
            asked.problem_type,
            asked.urgency,
            asked.ess_cause,
            asked.channel,
            asked.area,
            asked.hours.open_calendars,
        )
        if key in seen:
            continue
        seen.add(key)
        for answer in answers.of(asked):
            place = Place.of(answer.place)
            if asked.kind == ROUTING:
                step, unsupported = _routed(snapshot, decider, asked, place, answers.on)
            else:
                step, unsupported = _on_duty(snapshot, asked, place, answers.on), False
            if step != answer.step:
                detail = f"step {step}, not {answer.step}"
                yield Finding(DISPROVED, asked.name, answer.place, answer.count, detail)
            elif unsupported:
                detail = "nobody but the lead"
                yield Finding(UNSUPPORTED, asked.name, answer.place, answer.count, detail)
            else:
                yield None


def _routed(
    snapshot: Snapshot, decider: Decider, asked: Asked, place: Place, on: str
) -> tuple[int | None, bool]:
    question = Question(
        place=place,
        problem_type=asked.problem_type,
        urgency=asked.urgency,
        at=asked.hours.at,
        ess_cause=asked.ess_cause or None,
        channel=asked.channel,
        on=on,
    )
    decision = decider.decide(snapshot, question)
    lead = decision.lead
    step = len(lead.steps) - 1 if lead.chosen else None
    return step, len(decision.supporting) < len(asked.supporting)


def _on_duty(snapshot: Snapshot, asked: Asked, place: Place, on: str) -> int | None:
    query = Query(
        place=place,
        problem_type="" if asked.problem_type == ANY else asked.problem_type,
        open_calendars=asked.hours.open_calendars,
        limit=1,
        on=on,
    )
    answer = resolve(snapshot, query, asked.targets, asked.fallback)
    return len(answer.steps) - 1 if answer.chosen else None


@dataclass(frozen=True, slots=True)
class ProofDiff:
    """What changed from one proof to another."""

    opened: tuple[Finding, ...]
    closed: tuple[Finding, ...]
    moved: Mapping[tuple[str, str, str], int]
    """(question, step before, step now) to the number of places."""


def difference(before: Proof, after: Proof) -> ProofDiff:
    """Return which findings are new, which are gone, and whose answers come from elsewhere now.

    A gap in which a desk answers now has not opened: what was wrong there got better.
    """
    old, new = _worst(before), _worst(after)
    moved: Counter[tuple[str, str, str]] = Counter()
    for key, step in after.steps.items():
        was = before.steps.get(key)
        if was is not None and was != step:
            moved[key[0], was, step] += 1
    return ProofDiff(
        tuple(f for key, f in new.items() if key not in old or _is_worse(f, old[key])),
        tuple(f for key, f in old.items() if key not in new),
        dict(sorted(moved.items())),
    )


def _worst(proof: Proof) -> dict[tuple[str, str], Finding]:
    found: dict[tuple[str, str], Finding] = {}
    for finding in proof.findings:
        key = finding.what, finding.place
        if key not in found or _is_worse(finding, found[key]):
            found[key] = finding
    return found


def _is_worse(one: Finding, other: Finding) -> bool:
    return one.kind == GAP != other.kind
