"""Storing reports: many in one transaction, each with its own outcome."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7

from directory.places.locate import Locator
from mesh import audit
from mesh.audit import Leaf
from mesh.database import Transaction
from mesh.errors import (
    AlreadyExistsError,
    InvalidArgumentError,
    SongtorError,
    UnavailableError,
)
from mesh.messaging import Event
from mesh.outbox import Outbox
from policies.model import Policies
from services.intake import sealing, storage, wire
from services.intake.domain import acceptance, receipts, screening
from services.intake.domain.areas import Areas
from services.intake.domain.report import Place, Report
from services.intake.keys import Keyset
from services.intake.locating import PinReader
from services.intake.storage import Key, Stored
from songtor.intake.v1 import intake_pb2

_REFERENCES = 10 ** (receipts.DIGITS - 1)
_DRAWS = 3


def draw_reference() -> str:
    """Return a reference that nobody can foretell."""
    return receipts.reference(secrets.randbelow(_REFERENCES))


@dataclass(frozen=True, slots=True)
class Rules:
    """What reports are judged by, and sealed with; the same for the life of the process."""

    policies: Policies
    areas: Areas
    keyset: Keyset
    draw: Callable[[], str] = draw_reference
    locate: Callable[[Place], Place] = field(default_factory=lambda: PinReader(Locator()))
    """Fills in the areas of a pin that came without any."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One of a batch's outcomes: stored now, or stored before under the same key."""

    stored: Stored
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A submission that can be stored, if its key is free."""

    key: Key
    submission: intake_pb2.Submission
    told: Report
    stored: Stored


async def submit(
    tx: Transaction,
    outbox: Outbox,
    rules: Rules,
    submissions: Sequence[intake_pb2.Submission],
    *,
    now: datetime,
) -> list[Accepted | SongtorError]:
    """Store all submissions that can be stored and return what became of each, in order.

    A key used before wins over every check: its receipt is given for ever, even when the rules
    have changed since.
    """
    candidates: dict[Key, _Candidate] = {}
    faults: dict[int, SongtorError] = {}
    for index, submission in enumerate(submissions):
        key = (submission.source, submission.idempotency_key)
        if key in candidates:
            continue
        try:
            candidates[key] = _candidate(rules, key, submission, now)
        except InvalidArgumentError as error:
            faults[index] = error
    fresh = await _claim(tx, rules, candidates)
    await _write(tx, outbox, rules, fresh, now=now)
    keys = {(item.source, item.idempotency_key) for item in submissions}
    known = {item.key: item.stored for item in fresh}
    if keys - known.keys():
        known |= await storage.find(tx, sorted(keys - known.keys()))
    outcomes = _outcomes(submissions, known, faults, {item.stored.report_id for item in fresh})
    await _note_reuse(tx, submissions, outcomes, now=now)
    return outcomes


def _candidate(
    rules: Rules, key: Key, submission: intake_pb2.Submission, now: datetime
) -> _Candidate:
    told = wire.report_from(submission.report)
    violations = acceptance.faults(
        told, areas_in_force=rules.areas, policies=rules.policies, now=now
    )
    if violations:
        raise InvalidArgumentError(
            "the report cannot be stored as it is", reason="INVALID_FIELDS", violations=violations
        )
    place = rules.locate(told.place)
    if place is not told.place:
        told = replace(told, place=place)
    stored = Stored(
        report_id=told.report_id,
        case_id=uuid7(),
        request_digest=submission.request_digest,
        reference=rules.draw(),
        urgency=screening.urgency(told, rules.policies),
        accepted_at=now,
        key_id=rules.keyset.primary.key_id,
    )
    return _Candidate(key, submission, told, stored)


async def _claim(
    tx: Transaction, rules: Rules, candidates: dict[Key, _Candidate]
) -> list[_Candidate]:
    """Return the candidates whose key and report id were free, and now are theirs."""
    waiting = [candidates[key] for key in sorted(candidates)]
    fresh: list[_Candidate] = []
    for _ in range(_DRAWS):
        rows = [storage.report_row(item.told, item.key, item.stored) for item in waiting]
        claimed = await storage.claim(tx, rows)
        fresh += [item for item in waiting if item.key in claimed]
        waiting = [item for item in waiting if item.key not in claimed]
        if not waiting:
            return fresh
        known = await storage.find(tx, [item.key for item in waiting])
        waiting = [item for item in waiting if item.key not in known]
        taken = await storage.taken(tx, [item.stored.report_id for item in waiting])
        # Neither its key nor its id is in use: its reference was, so it draws another.
        waiting = [
            replace(item, stored=replace(item.stored, reference=rules.draw()))
            for item in waiting
            if item.stored.report_id not in taken
        ]
        if not waiting:
            return fresh
    raise UnavailableError("no free reference was found", reason="NO_FREE_REFERENCE")


async def _write(
    tx: Transaction, outbox: Outbox, rules: Rules, fresh: Sequence[_Candidate], *, now: datetime
) -> None:
    """Write the cases, identity blocks, events and leaves of newly claimed reports."""
    cases, blocks, events, leaves = [], [], [], []
    for item in fresh:
        told = item.told
        if told.ess_cause and not told.problem_types:
            told = replace(told, problem_types=screening.problem_types(told, rules.policies))
        people = screening.summaries(told.people)
        cases.append(storage.case_row(told, item.stored, people))
        blocks += _blocks(rules, item)
        lane = screening.lane(told, item.stored.urgency)
        trace = item.submission.traceparent
        events.append(
            Event(
                event_id=uuid7(),
                subject=f"case.v1.reported.{lane}",
                payload=wire.case_reported(
                    item.submission.report,
                    told,
                    item.stored,
                    source=item.key[0],
                    people=people,
                ),
                priority=screening.PRIORITY[lane],
                headers={"traceparent": trace} if trace else {},
            )
        )
        leaves.append(
            Leaf(
                actor=item.key[0],
                action="report_accepted",
                subject_id=str(item.stored.report_id),
                facts={
                    "case_id": str(item.stored.case_id),
                    "lane": lane,
                    "request_digest": item.stored.request_digest.hex(),
                    "policy_digest": rules.policies.digest,
                },
            )
        )
    storage.open_cases(tx, cases)
    storage.keep_blocks(tx, blocks)
    await outbox.append(tx, events)
    await audit.append(tx, leaves, now=now)


def _blocks(rules: Rules, item: _Candidate) -> list[sealing.Block]:
    groups = {
        sealing.PEOPLE: wire.identity_of(item.submission.report, item.told),
        sealing.REPORTER: wire.reporter_of(item.submission.report),
    }
    return [
        sealing.seal(
            rules.keyset.primary, item.stored.report_id, item.stored.case_id, fields, plain
        )
        for fields, plain in groups.items()
        if plain
    ]


def _outcomes(
    submissions: Sequence[intake_pb2.Submission],
    known: dict[Key, Stored],
    faults: dict[int, SongtorError],
    fresh: set[UUID],
) -> list[Accepted | SongtorError]:
    outcomes: list[Accepted | SongtorError] = []
    for index, submission in enumerate(submissions):
        stored = known.get((submission.source, submission.idempotency_key))
        if stored is None:
            outcomes.append(faults.get(index) or _id_taken())
        elif stored.request_digest != submission.request_digest:
            outcomes.append(
                AlreadyExistsError(
                    "this key was used for another report", reason="IDEMPOTENCY_KEY_REUSED"
                )
            )
        else:
            outcomes.append(Accepted(stored, replayed=stored.report_id not in fresh))
            fresh.discard(stored.report_id)  # whoever asks the second time is told so
    return outcomes


def _id_taken() -> AlreadyExistsError:
    return AlreadyExistsError("another report has this report_id", reason="REPORT_ID_TAKEN")


async def _note_reuse(
    tx: Transaction,
    submissions: Sequence[intake_pb2.Submission],
    outcomes: Sequence[Accepted | SongtorError],
    *,
    now: datetime,
) -> None:
    """Leave a leaf for every key or id that was used again for something else."""
    leaves = [
        Leaf(
            actor=submission.source,
            action="report_refused",
            subject_id=submission.report.report_id,
            facts={"reason": outcome.reason, "request_digest": submission.request_digest.hex()},
        )
        for submission, outcome in zip(submissions, outcomes, strict=True)
        if isinstance(outcome, AlreadyExistsError)
    ]
    if leaves:
        await audit.append(tx, leaves, now=now)
