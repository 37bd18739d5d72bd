"""From a case's facts to units: policy names the chain, the snapshot fills it. Pure.

Both the registry (`ResolveUnits`) and routing decide by this one function, so a question asked of
either gets the same answer from the same versions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

from directory.model import Place, Snapshot
from directory.resolve import Query, Resolution, resolve
from policies.calendar import open_hours
from policies.model import Policies
from policies.rules import Facts, Route, route

OFFICE_HOURS = "th-gov"
"""The calendar that "in hours" means in a routing rule."""
NORMAL = "normal"
THAI_TIME = timedelta(hours=7)


@dataclass(frozen=True, slots=True)
class Question:
    """Who should take this case? No personal data."""

    place: Place
    problem_type: str
    urgency: str
    at: datetime
    ess_cause: str | None = None
    channel: str = ""
    excluded: frozenset[str] = frozenset()
    """Unit ids and `agency:<code>` that must not learn of the case."""
    declined: frozenset[str] = frozenset()
    """Unit ids and `agency:<code>` that said no."""
    taking_part: frozenset[str] = frozenset()
    """Unit ids that have another part in the case already."""
    languages: tuple[str, ...] = ()
    on: str = ""
    """The day on which units, mandates and the like must hold; empty is the day of `at`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who leads, who supports, and the rule that said so."""

    rule: str | None
    """None when no rule matched: the case goes to people at the centre."""
    reason: str
    lead: Resolution
    supporting: tuple[Resolution, ...]
    """Only chains that found a unit of their own."""
    chains: tuple[int, ...] = ()
    """Which of the rule's supporting chains each of them answers, counted from 1."""


def day_of(at: datetime) -> str:
    """Return the day in Thailand, as periods are written."""
    return (at.astimezone(UTC) + THAI_TIME).date().isoformat()


def instant_of(at: datetime) -> str:
    """Return the instant as `Capacity.stated_at` is written: in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Decider:
    """One version of the policies made ready to decide: calendars laid out, routes remembered."""

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self._calendars = open_hours(policies)
        # Few facts differ between cases, and matching every rule costs more than the search.
        self._route = lru_cache(maxsize=4096)(partial(route, policies))

    def decide(self, snapshot: Snapshot, question: Question) -> Decision:
        """Return who should take the case, judged at `question.at`.

        Raises `ValueError` for an instant outside the years that the calendars know.
        """
        chains, query = self._prepare(question)
        lead = resolve(snapshot, query, chains.targets, chains.fallback)
        found = _supporting(snapshot, query, chains, lead)
        return Decision(
            chains.rule, chains.reason, lead, tuple(found.values()), chains=tuple(found)
        )

    def decide_again(self, snapshot: Snapshot, question: Question, chain: int) -> Decision:
        """Return who takes over one part of a case: the lead's is 0, supporting ones count from 1.

        A supporting part that nobody of its chain can take goes to the fallback's desks: it was
        promised, so a person has to see that nobody keeps it.
        """
        chains, query = self._prepare(question)
        if chain == 0:
            targets = chains.targets
        else:
            # Hours or policies may have changed since: then another rule, with other chains, holds.
            targets = chains.supporting[chain - 1] if chain <= len(chains.supporting) else ()
        answer = resolve(snapshot, query, targets, chains.fallback)
        return Decision(chains.rule, chains.reason, answer, ())

    def open_calendars(self, at: datetime) -> frozenset[str]:
        """Return the calendars that are open; `ValueError` outside the years they know."""
        return frozenset(code for code, hours in self._calendars.items() if hours.is_open(at))

    def _prepare(self, question: Question) -> tuple[Route, Query]:
        open_now = self.open_calendars(question.at)
        chains = self._route(
            Facts(
                problem_type=question.problem_type,
                urgency=question.urgency,
                channel=question.channel,
                province=question.place.province or None,
                in_hours=OFFICE_HOURS in open_now,
                ess_cause=question.ess_cause,
            )
        )
        return chains, Query(
            place=question.place,
            problem_type=question.problem_type,
            open_calendars=open_now,
            may_wait=question.urgency == NORMAL and question.ess_cause is None,
            excluded=question.excluded,
            declined=question.declined,
            taking_part=question.taking_part,
            languages=question.languages,
            on=question.on or day_of(question.at),
            capacity_since=instant_of(question.at - self.policies.coverage.capacity_fresh_for),
            capacity_until=instant_of(question.at),
        )


def _supporting(
    snapshot: Snapshot, query: Query, chains: Route, lead: Resolution
) -> dict[int, Resolution]:
    """Resolve each supporting chain: who is on duty, else who opens next; never the lead again."""
    taken = set(query.taking_part) | ({lead.chosen.unit_id} if lead.chosen else set())
    found: dict[int, Resolution] = {}
    for number, chain in enumerate(chains.supporting, start=1):
        for may_wait in (query.may_wait, True):
            apart = replace(query, may_wait=may_wait, taking_part=frozenset(taken))
            answer = resolve(snapshot, apart, chain)
            if answer.chosen:
                taken.add(answer.chosen.unit_id)
                found[number] = answer
                break
    return found
