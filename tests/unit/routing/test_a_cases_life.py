"""Random cases through their whole life, against what must hold whatever anybody does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from directory.decide import Decider
from mesh.errors import FailedPreconditionError
from services.routing.domain import consequences, lifecycle
from services.routing.domain.decision import Asked, Choice, open_referrals, search_again
from services.routing.domain.model import Action, Actor, Assignment, ReferralState, State
from tests.fakes.town import town
from tests.unit.routing.making import NOW, POLICIES, RULES, act, facts

DECIDER = Decider(POLICIES)
TOWN = town()
PROBLEMS = sorted(POLICIES.problem_types)
EXCLUDABLE = ["HOSPITAL-2", "STATION-1", "agency:labour", "SHELTER"]


class CasesLife(RuleBasedStateMachine):
    """One case; anybody does anything to its newest assignments at any time."""

    @initialize(
        problems=st.lists(st.sampled_from(PROBLEMS), min_size=1, max_size=3, unique=True),
        excluded=st.sets(st.sampled_from(EXCLUDABLE), max_size=2),
        emergency=st.booleans(),
    )
    def report(self, problems: list[str], excluded: set[str], emergency: bool) -> None:
        self.now: datetime = NOW
        self.case = replace(
            facts(*problems, excluded=frozenset(excluded)),
            ess_cause="threat" if emergency else None,
            urgency="crisis" if emergency else "normal",
        )
        self.history: list[Assignment] = []
        self.current: dict[UUID, Assignment] = {}
        self.referrals: dict[UUID, ReferralState] = {}
        self.declines: list[Assignment] = []
        for choice in open_referrals(self.case, DECIDER, TOWN, now=self.now):
            self.referrals[choice.referral_id] = ReferralState.ACTIVE
            self.take(choice)

    def take(self, choice: Choice) -> None:
        if choice.assignment is not None:
            self.history.append(choice.assignment)
            self.current[choice.referral_id] = choice.assignment

    @rule(
        data=st.data(),
        action=st.sampled_from([a for a in Action if a is not Action.RECORD_REACHED]),
        role=st.sampled_from(list(Actor)),
        hours=st.integers(0, 30),
    )
    def somebody_acts(self, data: st.DataObject, action: Action, role: Actor, hours: int) -> None:
        self.now += timedelta(hours=hours, seconds=1)
        before = data.draw(st.sampled_from(list(self.current.values())))
        wish = act(action, role, assignment_id=before.assignment_id, agency=before.agency)
        try:
            change = lifecycle.apply(before, wish, RULES, now=self.now)
        except FailedPreconditionError:
            return
        assert change.after.version == before.version + 1
        self.history = [
            change.after if a.assignment_id == before.assignment_id else a for a in self.history
        ]
        self.current[before.referral_id] = change.after
        if change.after.state is State.DECLINED:
            self.declines.append(change.after)
        ended = consequences.referral_after(change)
        if ended is not None:
            self.referrals[before.referral_id] = ended
        if consequences.reopens(change):
            asked = [Asked(a.referral_id, a.unit_id, a.agency, a.state) for a in self.history]
            self.take(search_again(self.case, change.after, asked, DECIDER, TOWN, now=self.now))

    @invariant()
    def every_referral_has_one_open_assignment_or_has_ended(self) -> None:
        for referral_id, state in getattr(self, "referrals", {}).items():
            open_ones = [a for a in self.history if a.referral_id == referral_id and a.open]
            assert len(open_ones) == (1 if state is ReferralState.ACTIVE else 0)

    @invariant()
    def nobody_excluded_was_ever_asked(self) -> None:
        for a in getattr(self, "history", []):
            assert not self.case.excludes(a.agency, a.unit_id)

    @invariant()
    def nobody_is_asked_twice_for_the_same_but_the_last_desk(self) -> None:
        for referral_id in getattr(self, "referrals", {}):
            units = [
                a.unit_id
                for a in self.history
                if a.referral_id == referral_id and a.unit_id != "CENTRAL-DESK"
            ]
            assert len(units) == len(set(units))

    @invariant()
    def a_host_declines_a_referral_at_most_once(self) -> None:
        hosts = [
            (a.referral_id, a.agency)
            for a in getattr(self, "declines", [])
            if POLICIES.problem_types[a.problem_type].host_agency == a.agency
        ]
        assert len(hosts) == len(set(hosts))

    @invariant()
    def each_assignment_but_the_first_replaces_the_one_before(self) -> None:
        for referral_id in getattr(self, "referrals", {}):
            chain = [a for a in self.history if a.referral_id == referral_id]
            for former, latter in pairwise(chain):
                assert latter.replaces == former.assignment_id

    @invariant()
    def one_lead_a_case(self) -> None:
        leads = {a.referral_id for a in getattr(self, "history", []) if a.part == "lead"}
        assert len(leads) <= 1


TestACasesLife = CasesLife.TestCase
TestACasesLife.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
