"""Acting on assignments: many acts in one transaction, each with its own answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from mesh.database import Transaction
from mesh.errors import AbortedError, AlreadyExistsError, NotFoundError, SongtorError
from services.routing import wire
from services.routing.commands.journal import Journal
from services.routing.commands.parts import Parts
from services.routing.domain import consequences, lifecycle
from services.routing.domain.model import Act, Action, Assignment
from services.routing.storage import referrals, updates
from services.routing.storage.referrals import Entry


@dataclass(frozen=True, slots=True)
class Asked:
    """An act with the key that makes asking twice harmless."""

    act: Act
    key: str
    digest: bytes
    """SHA-256 over the request; the same key with another digest is refused."""


@dataclass(frozen=True, slots=True)
class Done:
    """The assignment as it stands after the act, in the bytes that were answered first."""

    answer: bytes
    replayed: bool = False


Key = tuple[str, str]


async def act(
    tx: Transaction, parts: Parts, asked: Sequence[Asked], *, now: datetime
) -> list[Done | SongtorError]:
    """Do each act in order and answer each. What is refused changed nothing and keeps no key."""
    journal = Journal(parts, now=now)
    book = await referrals.lock_assignments(tx, [item.act.assignment_id for item in asked])
    # Read under the locks: whoever was faster with the same key has committed by now.
    keys = await updates.answered(tx, {(item.act.agency, item.key) for item in asked})
    known = {key: (bytes(row["digest"]), bytes(row["answer"])) for key, row in keys.items()}
    new: dict[Key, tuple[bytes, bytes]] = {}
    answers: list[Done | SongtorError] = []
    for item in asked:
        key = item.act.agency, item.key
        before = known.get(key) or new.get(key)
        try:
            if before is None:
                answer = _do(book, journal, parts, item.act, now=now)
                new[key] = item.digest, answer
                answers.append(Done(answer))
            elif before[0] != item.digest:
                raise AlreadyExistsError("the key was used for another act", reason="KEY_REUSED")
            else:
                answers.append(Done(before[1], replayed=True))
        except SongtorError as refusal:
            answers.append(refusal)
    if new:
        await journal.write(tx)
        await _keep(tx, new, now=now)
    return answers


def _do(
    book: dict[UUID, Entry], journal: Journal, parts: Parts, act: Act, *, now: datetime
) -> bytes:
    entry = book.get(act.assignment_id)
    if entry is None or consequences.is_stranger(
        entry.assignment, entry.case.facts, entry.case.sender, act
    ):
        raise NotFoundError("there is no such assignment", reason="NO_SUCH_ASSIGNMENT")
    after = perform(journal, entry, parts, act, now=now)
    book[act.assignment_id] = Entry(entry.case, after)
    return wire.assignment_to_proto(after).SerializeToString()


def perform(journal: Journal, entry: Entry, parts: Parts, act: Act, *, now: datetime) -> Assignment:
    """Apply one act to a locked assignment and return it as it then stands."""
    if act.action is Action.RECORD_REACHED:
        lifecycle.check_reached(entry.assignment, act)
        journal.reached_point(
            entry.case, entry.assignment, act, consequences.REACHED, act.occurred_at or now
        )
        return entry.assignment
    change = lifecycle.apply(entry.assignment, act, parts.rules, now=now)
    journal.moved(entry.case, change)
    return change.after


async def _keep(tx: Transaction, new: dict[Key, tuple[bytes, bytes]], *, now: datetime) -> None:
    stored = await updates.insert_answers(
        tx,
        [
            {
                "agency": agency,
                "idempotency_key": key,
                "digest": digest,
                "answer": answer,
                "acted_at": now,
            }
            for (agency, key), (digest, answer) in sorted(new.items())
        ],
    )
    if stored < len(new):
        # The same key at the same instant on two assignments: take it all back, judge it afresh.
        raise AbortedError("a key was used twice at the same time", reason="KEY_RACE")
