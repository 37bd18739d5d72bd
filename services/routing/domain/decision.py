"""Who is asked to help with a case: one search a problem, one more for each that supports it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from directory.decide import Decider, Decision, Question
from directory.model import Snapshot, Unit
from directory.resolve import Resolution
from services.routing.domain.identifiers import time_ordered
from services.routing.domain.model import Assignment, CaseFacts, State

LEAD, SUPPORTING = "lead", "supporting"
CENTRAL = "central"
"""The tier whose desk a search ends at when nobody else is responsible."""
OTHER = "other"
UNKNOWN_RULE = "no_rule"
"""Stands for a rule's name where none matched."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One search, whom it found, and why. It is stored and never changed."""

    decision_id: UUID
    referral_id: UUID
    case_id: UUID
    problem_type: str
    track: int
    part: str
    rule: str
    reason: str
    resolution: Resolution
    question: Question
    unit: Unit | None
    """None when everybody who could take it is excluded from the case."""
    assignment: Assignment | None
    replaces: UUID | None
    """The assignment whose end reopened the search; None for a referral's first choice."""
    decided_at: datetime

    @property
    def unroutable(self) -> bool:
        """Nobody is responsible but the central desk, and it needs to be told so."""
        return self.unit is None or _is_last_desk(self.unit)


def _is_last_desk(unit: Unit | None) -> bool:
    return unit is not None and unit.tier == CENTRAL


def problems_of(facts: CaseFacts, decider: Decider) -> tuple[str, ...]:
    """Return the case's problem types, the leading one first; never none."""
    if facts.problem_types:
        return tuple(dict.fromkeys(facts.problem_types))
    cause = decider.policies.ess_causes.get(facts.ess_cause or "")
    return (cause.problem_type if cause else OTHER,)


def open_referrals(
    facts: CaseFacts, decider: Decider, snapshot: Snapshot, *, now: datetime
) -> list[Choice]:
    """Return the first choice for each referral of a new case. The first one leads."""
    choices: list[Choice] = []
    asked: set[str] = set()
    for problem in problems_of(facts, decider):
        question = _question(facts, problem, now)
        found = decider.decide(snapshot, question)
        tracks = [(0, found.lead), *zip(found.chains, found.supporting, strict=True)]
        for track, resolution in tracks:
            chosen = resolution.chosen
            if track and chosen and chosen.unit_id in asked:
                # Another problem of the case has brought this unit in already.
                continue
            part = LEAD if not choices else SUPPORTING
            referral_id = time_ordered(now, str(facts.case_id), problem, str(track))
            choice = _choice(
                _Track(referral_id, facts.case_id, problem, track, part),
                question,
                found,
                resolution,
                snapshot,
            )
            choices.append(choice)
            if choice.unit:
                asked.add(choice.unit.id)
    return choices


@dataclass(frozen=True, slots=True)
class Asked:
    """A unit that was asked before, in any referral of the case."""

    referral_id: UUID
    unit_id: str
    agency: str
    state: State


def search_again(
    facts: CaseFacts,
    ended: Assignment,
    asked: Iterable[Asked],
    decider: Decider,
    snapshot: Snapshot,
    *,
    now: datetime,
) -> Choice:
    """Return the next choice for the referral whose assignment has ended without completion.

    Whoever was asked before in this referral is passed over, and so is, for a supporting one,
    whoever takes part otherwise, but never the last desk. The case's clock does not start again:
    only the assignment's.
    """
    before = [*asked]
    mine = [a for a in before if a.referral_id == ended.referral_id]
    others = {
        a.unit_id
        for a in before
        if a.referral_id != ended.referral_id
        and a.state in _TAKING_PART
        and not _is_last_desk(snapshot.units.get(a.unit_id))
    }
    question = _question(
        facts,
        ended.problem_type,
        now,
        declined=frozenset(a.unit_id for a in mine) | {ended.unit_id},
        taking_part=frozenset(others if ended.track else ()),
    )
    found = decider.decide_again(snapshot, question, ended.track)
    problem = decider.policies.problem_types.get(ended.problem_type)
    host = problem.host_agency if problem else None
    declined = ended.state is State.DECLINED and ended.agency == host
    declined = declined or any(a.agency == host and a.state is State.DECLINED for a in mine)
    return _choice(
        _Track(ended.referral_id, ended.case_id, ended.problem_type, ended.track, ended.part),
        question,
        found,
        found.lead,
        snapshot,
        replaces=ended.assignment_id,
        bound_agency=host if declined else None,
    )


_TAKING_PART = frozenset(
    (
        State.REQUESTED,
        State.RECEIVED,
        State.ACCEPTED,
        State.IN_PROGRESS,
        State.ON_HOLD,
        State.COMPLETED,
    )
)


@dataclass(frozen=True, slots=True)
class _Track:
    referral_id: UUID
    case_id: UUID
    problem_type: str
    number: int
    part: str


def _question(
    facts: CaseFacts,
    problem: str,
    now: datetime,
    *,
    declined: frozenset[str] = frozenset(),
    taking_part: frozenset[str] = frozenset(),
) -> Question:
    return Question(
        place=facts.place,
        problem_type=problem,
        urgency=facts.urgency,
        at=now,
        ess_cause=facts.ess_cause,
        channel=facts.channel,
        excluded=facts.excluded,
        declined=declined,
        taking_part=taking_part,
        languages=facts.languages,
    )


def _choice(
    track: _Track,
    question: Question,
    found: Decision,
    resolution: Resolution,
    snapshot: Snapshot,
    *,
    replaces: UUID | None = None,
    bound_agency: str | None = None,
) -> Choice:
    now = question.at
    decision_id = time_ordered(now, str(track.referral_id), str(replaces or "first"))
    unit = snapshot.units[resolution.chosen.unit_id] if resolution.chosen else None
    return Choice(
        decision_id=decision_id,
        referral_id=track.referral_id,
        case_id=track.case_id,
        problem_type=track.problem_type,
        track=track.number,
        part=track.part,
        rule=found.rule or UNKNOWN_RULE,
        reason=found.reason,
        resolution=resolution,
        question=question,
        unit=unit,
        assignment=None
        if unit is None
        else Assignment(
            assignment_id=decision_id,
            referral_id=track.referral_id,
            case_id=track.case_id,
            problem_type=track.problem_type,
            track=track.number,
            part=track.part,
            unit_id=unit.id,
            agency=unit.agency,
            adapter=unit.adapter,
            ministry=unit.ministry,
            unit_province=unit.province,
            state=State.REQUESTED,
            version=1,
            rule=found.rule or UNKNOWN_RULE,
            replaces=replaces,
            may_decline=unit.agency != bound_agency,
            requested_at=now,
            state_at=now,
        ),
        replaces=replaces,
        decided_at=now,
    )


def candidates(choice: Choice) -> Sequence[tuple[str, str]]:
    """Return the units that were looked at with their reasons, best first."""
    seen = (*choice.resolution.ranked, *choice.resolution.passed_over)
    return [(candidate.unit_id, candidate.reason) for candidate in seen]
