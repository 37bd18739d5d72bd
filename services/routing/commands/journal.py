"""What one batch changes: gathered first, then written with one statement a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from mesh import audit, telemetry
from mesh.audit import Leaf
from mesh.database import Transaction
from mesh.messaging import Event
from services.routing import announcing
from services.routing.announcing import Parcel, Told
from services.routing.commands.parts import Parts
from services.routing.domain import consequences
from services.routing.domain.decision import Choice, open_referrals, search_again
from services.routing.domain.model import Act, Assignment, Change, ReferralState
from services.routing.storage import deliveries, milestones, referrals
from services.routing.storage.deliveries import ReceiptFact
from services.routing.storage.milestones import MilestoneFact
from services.routing.wire import RoutedCase


class Journal:
    """Collects the effects of a batch in the order in which they happen.

    One batch is decided and described by one release of the directory.
    """

    def __init__(self, parts: Parts, *, now: datetime) -> None:
        self._parts = parts
        self._snapshot = parts.snapshot()
        self._now = now
        self._choices: list[tuple[RoutedCase, Choice]] = []
        self._changes: list[tuple[RoutedCase, Change]] = []
        self._touched: dict[UUID, Assignment] = {}
        self._milestones: list[MilestoneFact] = []
        self._receipts: list[ReceiptFact] = []
        self._parcels: list[Parcel] = []
        self._events: list[Event] = []
        self._leaves: list[Leaf] = []

    def chosen(self, case: RoutedCase, choice: Choice) -> None:
        """A search found a unit, or nobody."""
        self._choices.append((case, choice))
        if choice.replaces is None:
            self._tell_referral(case, choice.referral_id, choice.problem_type, "active")
        if choice.unroutable:
            self._tell_referral(
                case, choice.referral_id, choice.problem_type, "unroutable", choice.decision_id
            )
        assignment = choice.assignment
        if assignment is not None:
            told = Told.of(assignment)
            self._events.append(announcing.assignment_event(case, told, None, self._now))
            if assignment.adapter:
                self._parcels.append(Parcel(case, told, assignment.adapter, "offer"))
            self._report_back(case, told, assignment.state)
        self._leaves.append(
            Leaf(
                actor="service:routing",
                action="assignment_requested" if assignment else "nobody_found",
                subject_id=str(choice.decision_id),
                facts={
                    "referral_id": str(choice.referral_id),
                    "unit_id": assignment.unit_id if assignment else "",
                    "rule": choice.rule,
                    "replaces": str(choice.replaces or ""),
                    "registry_version": choice.resolution.version,
                    "policy_digest": self._parts.policies.digest,
                },
            )
        )

    def moved(self, case: RoutedCase, change: Change) -> None:
        """An assignment moved."""
        after = change.after
        self._changes.append((case, change))
        self._touched[after.assignment_id] = after
        told = Told.of(after)
        self._events.append(
            announcing.assignment_event(case, told, change.before, change.occurred_at)
        )
        milestone = consequences.milestone_of(change)
        if milestone:
            self.reached_point(case, after, change.act, milestone, change.occurred_at)
        if consequences.target_must_hear(change) and after.adapter:
            self._parcels.append(Parcel(case, told, after.adapter, "cancel"))
        self._report_back(case, told, after.state)
        self._leaves.append(
            Leaf(
                actor=change.act.actor,
                action=f"assignment_{change.act.action}",
                subject_id=str(after.assignment_id),
                facts={
                    "agency": change.act.agency,
                    "role": change.act.role.value,
                    "from": change.before.state.value,
                    "to": after.state.value,
                    "version": after.version,
                    "reason_code": after.reason_code,
                    "unconfirmed": change.unconfirmed,
                },
            )
        )

    def reached_point(
        self, case: RoutedCase, assignment: Assignment, act: Act, kind: str, at: datetime
    ) -> None:
        """A milestone was reached; if it was before, the first fact stands and nothing is told."""
        self._milestones.append(
            MilestoneFact(case, assignment, kind, at, act.actor, act.reached_by)
        )

    def touched(self, assignment: Assignment) -> None:
        """Something of the assignment changed that is nobody else's business."""
        self._touched[assignment.assignment_id] = assignment

    def settled(self, receipt: ReceiptFact) -> None:
        """A delivery arrived, or never will by itself."""
        self._receipts.append(receipt)

    def waits_for_a_person(
        self, case: RoutedCase, assignment: Assignment, because_of: object
    ) -> None:
        """Something about the referral cannot go on by itself: alerting tells somebody."""
        self._tell_referral(
            case, assignment.referral_id, assignment.problem_type, "parked", because_of
        )

    def noted(self, leaf: Leaf) -> None:
        """Something was refused or ignored."""
        self._leaves.append(leaf)

    def _report_back(self, case: RoutedCase, told: Told, status: str) -> None:
        if case.hears and case.hears != told.assignment.adapter:
            self._parcels.append(Parcel(case, told, case.hears, "status", status))

    def _tell_referral(
        self,
        case: RoutedCase,
        referral_id: UUID,
        problem_type: str,
        state: str,
        because_of: object = "",
    ) -> None:
        self._events.append(
            announcing.referral_event(
                case, referral_id, problem_type, state, self._now, because_of=because_of
            )
        )

    def open(self, case: RoutedCase) -> None:
        """Open the case's referrals and ask a unit for each."""
        decider = self._parts.decider
        for choice in open_referrals(case.facts, decider, self._snapshot, now=self._now):
            self.chosen(case, choice)

    async def write(self, tx: Transaction) -> None:
        """Write everything: first what has an answer, then in one statement all that is new.

        Ended assignments come before new ones: a referral has one open assignment at a time.
        """
        if self._touched:
            await referrals.update_assignments(tx, list(self._touched.values()))
        if self._changes:
            await self._search_again(tx)
            await self._end_referrals(tx)
        if self._milestones:
            await self._write_milestones(tx)
        if self._receipts:
            await deliveries.record_receipts(tx, self._receipts, now=self._now)
        if self._parcels:
            await self._number_parcels(tx)
        if self._choices:
            referrals.insert_choices(tx, self._choices, self._snapshot, self._parts.policies)
        referrals.insert_changes(tx, [change for _, change in self._changes], now=self._now)
        await audit.append(tx, self._leaves, now=self._now)
        await self._parts.outbox.append(tx, self._events)
        tx.after_commit(self._count)

    async def _search_again(self, tx: Transaction) -> None:
        reopened = [
            (case, change) for case, change in self._changes if consequences.reopens(change)
        ]
        if not reopened:
            return
        asked = await referrals.asked_before(tx, {c.after.case_id for _, c in reopened})
        for case, change in reopened:
            self.chosen(
                case,
                search_again(
                    case.facts,
                    change.after,
                    asked.get(change.after.case_id, ()),
                    self._parts.decider,
                    self._snapshot,
                    now=self._now,
                ),
            )

    async def _end_referrals(self, tx: Transaction) -> None:
        ended: dict[UUID, tuple[UUID, ReferralState]] = {}
        last: dict[UUID, tuple[RoutedCase, Change]] = {}
        for case, change in self._changes:
            state = consequences.referral_after(change)
            if state is not None:
                after = change.after
                ended[after.referral_id] = after.case_id, state
                last[after.case_id] = case, change
                self._tell_referral(
                    case, after.referral_id, after.problem_type, state, after.version
                )
        if not ended:
            return
        for case_id in await referrals.end_referrals(tx, ended, now=self._now):
            case, change = last[case_id]
            self.reached_point(
                case, change.after, change.act, consequences.CLOSED, change.occurred_at
            )

    async def _write_milestones(self, tx: Transaction) -> None:
        new = await milestones.insert(tx, self._milestones, now=self._now)
        for fact in self._milestones:
            if fact.key not in new:
                continue
            new.discard(fact.key)
            self._events.append(
                announcing.milestone_event(
                    fact.case, fact.assignment, fact.kind, fact.occurred_at, self._now
                )
            )
            if fact.kind == consequences.REACHED:
                self._report_back(fact.case, Told.of(fact.assignment), fact.kind)
                self._leaves.append(
                    Leaf(
                        actor=fact.actor,
                        action="person_reached",
                        subject_id=str(fact.assignment.assignment_id),
                        facts={"how": fact.how, "occurred_at": fact.occurred_at.isoformat()},
                    )
                )

    async def _number_parcels(self, tx: Transaction) -> None:
        numbers = await deliveries.number(tx, self._parcels)
        numbered = [
            (parcel, parcel.delivery_id, number)
            for parcel, number in zip(self._parcels, numbers, strict=True)
        ]
        deliveries.insert(tx, numbered, now=self._now)
        for parcel, delivery_id, number in numbered:
            unit = self._snapshot.units.get(parcel.assignment.unit_id)
            self._events.append(
                announcing.delivery_event(parcel, delivery_id, number, unit, self._now)
            )

    def _count(self) -> None:
        for rule, count in _rules(self._choices):
            telemetry.count(telemetry.DECISIONS, count, rule=rule)


def _rules(choices: Iterable[tuple[RoutedCase, Choice]]) -> Iterable[tuple[str, int]]:
    return Counter(choice.rule for _, choice in choices).items()
