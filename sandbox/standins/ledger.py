"""The ledger of a stand-in: every referral once by its key, how often it came, and where it stands.

A row of `referral` is an effect: the agency opened a file. The same key again changes nothing but
`deliveries`. Two rows for one reference are the doubled effect that no test may see.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sandbox.standins.script import (
    FINAL,
    MOVES,
    Deed,
    Facts,
    Script,
    State,
    Step,
    choose,
    steps_from_json,
    steps_to_json,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS referral (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    unit TEXT NOT NULL,
    problem TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    received_at TEXT NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL,
    reached_at TEXT,
    changed_at TEXT NOT NULL,
    rule TEXT NOT NULL,
    steps TEXT NOT NULL,
    next_step INTEGER NOT NULL DEFAULT 0,
    due_at TEXT
);
CREATE INDEX IF NOT EXISTS referral_reference ON referral (reference);
CREATE INDEX IF NOT EXISTS referral_due ON referral (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS deed (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    deed TEXT NOT NULL,
    reason TEXT NOT NULL,
    done_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS news (
    key TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    status TEXT NOT NULL,
    received_at TEXT NOT NULL,
    deliveries INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS rule_use (name TEXT PRIMARY KEY, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A referral as one message brought it, in words that every stand-in can fill."""

    key: str
    reference: str
    facts: Facts
    body: str


@dataclass(frozen=True, slots=True)
class Referral:
    """A row of the ledger."""

    number: int
    key: str
    reference: str
    unit: str
    problem: str
    body: str
    digest: str
    received_at: str
    state: State
    reached_at: str | None
    changed_at: str
    steps: tuple[Step, ...]
    next_step: int


def stamp(instant: datetime) -> str:
    """Write an instant so that text order is time order."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest_of(body: str) -> str:
    """Return the SHA-256 of a body as it came."""
    return hashlib.sha256(body.encode()).hexdigest()


def receive(tx: sqlite3.Connection, arrival: Arrival, now: datetime) -> tuple[Referral, bool]:
    """Open a file for `arrival`, or count it as a duplicate; return the file and whether new."""
    known = tx.execute(
        "UPDATE referral SET deliveries = deliveries + 1 WHERE key = ? RETURNING *", (arrival.key,)
    ).fetchone()
    if known is not None:
        return _referral(known), False
    steps, rule = choose(current_script(tx), arrival.facts, _uses(tx))
    if rule:
        tx.execute(
            "INSERT INTO rule_use VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET used = used + 1",
            (rule,),
        )
    due_at = stamp(now + timedelta(seconds=steps[0].after)) if steps else None
    row = tx.execute(
        "INSERT INTO referral (key, reference, unit, problem, digest, body, received_at, state,"
        " changed_at, rule, steps, due_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) RETURNING *",
        (
            arrival.key,
            arrival.reference,
            arrival.facts.unit,
            arrival.facts.problem,
            digest_of(arrival.body),
            arrival.body,
            stamp(now),
            State.NEW,
            stamp(now),
            rule,
            steps_to_json(steps),
            due_at,
        ),
    ).fetchone()
    return _referral(row), True


def find(tx: sqlite3.Connection, *, key: str = "", reference: str = "") -> Referral | None:
    """Return the newest file with this key, or else with this reference."""
    row = tx.execute(
        "SELECT * FROM referral WHERE key = ? OR reference = ? ORDER BY number DESC LIMIT 1",
        (key or None, reference or None),
    ).fetchone()
    return None if row is None else _referral(row)


def due(tx: sqlite3.Connection, now: datetime, limit: int) -> list[Referral]:
    """Return the files whose next step is due, the longest overdue first."""
    rows = tx.execute(
        "SELECT * FROM referral WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?",
        (stamp(now), limit),
    ).fetchall()
    return [_referral(row) for row in rows]


def record(tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime) -> bool:
    """Do `step` on the file if its state allows; return whether it did."""
    allowed, after = MOVES[step.do]
    if referral.state not in allowed:
        return False
    reached = stamp(now) if step.do is Deed.REACH and referral.reached_at is None else None
    final = after in FINAL
    tx.execute(
        "UPDATE referral SET state = ?, changed_at = ?, reached_at = COALESCE(reached_at, ?),"
        " due_at = CASE WHEN ? THEN NULL ELSE due_at END WHERE key = ?",
        (after or referral.state, stamp(now), reached, final, referral.key),
    )
    tx.execute(
        "INSERT INTO deed (key, deed, reason, done_at) VALUES (?, ?, ?, ?)",
        (referral.key, step.do, step.reason, stamp(now)),
    )
    return True


def move_on(tx: sqlite3.Connection, key: str, now: datetime) -> None:
    """Point the file at the step after its current one; a closed file has none."""
    row = tx.execute("SELECT * FROM referral WHERE key = ?", (key,)).fetchone()
    referral = _referral(row)
    following = referral.next_step + 1
    more = following < len(referral.steps) and referral.state not in FINAL
    due_at = stamp(now + timedelta(seconds=referral.steps[following].after)) if more else None
    tx.execute(
        "UPDATE referral SET next_step = ?, due_at = ? WHERE key = ?", (following, due_at, key)
    )


def ask_to_cancel(tx: sqlite3.Connection, referral: Referral, now: datetime) -> None:
    """Answer a request to cancel as the script says: confirm, refuse and go on, or keep silent."""
    answer = current_script(tx).on_cancel
    rest = referral.steps[referral.next_step :]
    if answer == "ignore":
        return
    if answer == "confirm":
        steps: tuple[Step, ...] = (Step(do=Deed.CONFIRM_CANCEL),)
    else:
        steps = (Step(do=Deed.REFUSE_CANCEL), *rest)
    tx.execute(
        "UPDATE referral SET steps = ?, next_step = 0, due_at = ? WHERE key = ?",
        (steps_to_json(steps), stamp(now + timedelta(seconds=steps[0].after)), referral.key),
    )


def take_news(tx: sqlite3.Connection, key: str, reference: str, status: str, now: datetime) -> bool:
    """Keep news of a case that this agency reported itself; return whether it is new."""
    known = tx.execute(
        "UPDATE news SET deliveries = deliveries + 1 WHERE key = ? RETURNING 1", (key,)
    ).fetchone()
    if known is None:
        tx.execute(
            "INSERT INTO news (key, reference, status, received_at) VALUES (?, ?, ?, ?)",
            (key, reference, status, stamp(now)),
        )
    return known is None


def current_script(tx: sqlite3.Connection) -> Script:
    """Return the script set over the admin interface, else that of the start, else the default."""
    row = tx.execute(
        "SELECT value FROM setting WHERE name IN ('script', 'script_at_start') ORDER BY name"
    ).fetchone()
    return Script() if row is None else _script_from_json(row["value"])


@lru_cache(maxsize=4)
def _script_from_json(text: str) -> Script:
    return Script.model_validate_json(text)


def set_script_at_start(tx: sqlite3.Connection, script: Script) -> None:
    """Keep the script of the settings; one set over the admin interface still goes before it."""
    _set(tx, "script_at_start", script.model_dump_json())


def set_script(tx: sqlite3.Connection, script: Script) -> None:
    """Play `script` from now on, with its limits counted from zero."""
    tx.execute("DELETE FROM rule_use")
    _set(tx, "script", script.model_dump_json())


def forget(tx: sqlite3.Connection) -> None:
    """Empty every table."""
    names = tx.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    for row in names:
        tx.execute(f'DELETE FROM "{row["name"]}"')


def counts(tx: sqlite3.Connection) -> dict[str, Any]:
    """Return how many messages came, what they effected, and what came twice."""
    row = tx.execute(
        "SELECT COUNT(*) AS effects, COALESCE(SUM(deliveries), 0) AS received FROM referral"
    ).fetchone()
    doubled = tx.execute(
        "SELECT reference FROM referral GROUP BY reference HAVING COUNT(*) > 1 ORDER BY reference"
    ).fetchall()
    states = tx.execute("SELECT state, COUNT(*) AS many FROM referral GROUP BY state").fetchall()
    news = tx.execute(
        "SELECT COUNT(*) AS kept, COALESCE(SUM(deliveries), 0) AS received FROM news"
    ).fetchone()
    return {
        "received": row["received"],
        "effects": row["effects"],
        "duplicates": row["received"] - row["effects"],
        "doubled": [each["reference"] for each in doubled],
        "states": {each["state"]: each["many"] for each in states},
        "news": {"received": news["received"], "kept": news["kept"]},
    }


def _set(tx: sqlite3.Connection, name: str, value: str) -> None:
    tx.execute(
        "INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _uses(tx: sqlite3.Connection) -> dict[str, int]:
    return {row["name"]: row["used"] for row in tx.execute("SELECT name, used FROM rule_use")}


def _referral(row: sqlite3.Row) -> Referral:
    plain = {each.name: row[each.name] for each in fields(Referral)}
    translated = {"state": State(row["state"]), "steps": steps_from_json(row["steps"])}
    return Referral(**plain | translated)
