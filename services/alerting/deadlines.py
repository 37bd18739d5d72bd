"""Every SQL statement about deadlines: arming, claiming, recording, and the marks below them.

A deadline belongs to one of 64 shards, by its case. Each shard has a low-water mark below which
nothing is armed, so that no look walks over what was fired long ago, however long an old
transaction keeps those entries from being cleaned away. The rule that makes a mark safe: whoever
arms something below the *proposed* mark puts it at that mark instead (its true instant is kept
beside), and a proposed mark holds only `SETTLES` after it was proposed, when every transaction that
could not see it has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from mesh.database import Transaction
from services.alerting import rows
from services.alerting.domain.alerts import Deadline

SHARDS = 64
SETTLES = timedelta(seconds=60)
"""Longer than any transaction may last (see the timeouts of `mesh.database`)."""

_ARM = """
    INSERT INTO deadline (owner, case_id, purpose, stage, gen, due_at, rank, breach_at, state,
        fires_at)
    SELECT new.owner, new.case_id, new.purpose, new.stage, new.gen, new.due_at, new.rank,
        new.breach_at, 0, greatest(new.due_at, mark.proposed)
    FROM unnest(CAST(:owner AS uuid[]), CAST(:case_id AS uuid[]), CAST(:purpose AS text[]),
        CAST(:stage AS int[]), CAST(:gen AS int[]), CAST(:due_at AS timestamptz[]),
        CAST(:rank AS smallint[]), CAST(:breach_at AS timestamptz[]))
        AS new (owner, case_id, purpose, stage, gen, due_at, rank, breach_at)
    JOIN shard_cursor mark ON mark.shard = get_byte(uuid_send(new.case_id), 15) & 63
    ON CONFLICT (owner) DO UPDATE SET purpose = excluded.purpose, stage = excluded.stage,
        gen = excluded.gen, due_at = excluded.due_at, rank = excluded.rank,
        breach_at = excluded.breach_at, state = 0, fired_at = NULL, fires_at = excluded.fires_at
"""
_DISARM = """
    UPDATE deadline SET state = 2
    FROM unnest(CAST(:owners AS uuid[])) AS gone (owner)
    WHERE deadline.owner = gone.owner AND state IN (0, 3)
"""
_COLUMNS = "d.owner, d.case_id, d.purpose, d.stage, d.gen, d.due_at, d.rank, d.breach_at"

# What is due, in each shard from its mark on. The case's row is locked too: whoever decides on it
# just now goes first, and the deadline comes with the next look.
_DUE = f"""
    SELECT d.* FROM unnest(CAST(:shards AS smallint[])) AS wanted (shard)
    JOIN shard_cursor mark ON mark.shard = wanted.shard
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM deadline d JOIN watch w USING (case_id)
        WHERE d.shard = mark.shard AND d.state = 0
            AND d.fires_at >= mark.low_water AND d.fires_at <= :now
        ORDER BY d.fires_at LIMIT :limit FOR UPDATE OF d, w SKIP LOCKED
    ) d LIMIT :limit
"""
_EMERGENCIES = f"""
    SELECT {_COLUMNS} FROM deadline d JOIN watch w USING (case_id)
    WHERE d.state = 0 AND d.rank = 0 AND d.fires_at <= :now
    ORDER BY d.fires_at LIMIT :limit FOR UPDATE OF d, w SKIP LOCKED
"""
_FIRE = """
    WITH due AS ({due}), fired AS (
        UPDATE deadline SET state = {state}, fired_at = :now
        FROM due WHERE deadline.owner = due.owner
        RETURNING due.*, coalesce(due.breach_at, CASE
            WHEN due.purpose = 'clock' AND due.stage = 100 THEN due.due_at END) AS breached_at
    ), fact AS (
        INSERT INTO breach (clock_id, gen, case_id, step, breached_at, observed_at)
        SELECT clock.clock_id, clock.gen, clock.case_id, clock.step, fired.breached_at, :now
        FROM fired JOIN clock ON clock.clock_id = fired.owner AND clock.gen = fired.gen
        WHERE fired.breached_at <= :now AND clock.running_since IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    {answer}
"""
_WHOLE = "SELECT * FROM fired ORDER BY due_at, owner"
_CLAIM_DUE = _FIRE.format(due=_DUE, state=1, answer=_WHOLE)
_CLAIM_EMERGENCIES = _FIRE.format(due=_EMERGENCIES, state=1, answer=_WHOLE)
_RECORD = _FIRE.format(due=_DUE, state=3, answer="SELECT due_at FROM fired")
_CLAIM_RECORDED = f"""
    WITH due AS (
        SELECT {_COLUMNS} FROM deadline d JOIN watch w USING (case_id) WHERE d.state = 3
        ORDER BY d.rank, d.due_at LIMIT :limit FOR UPDATE OF d, w SKIP LOCKED
    ), decided AS (
        UPDATE deadline SET state = 1 FROM due WHERE deadline.owner = due.owner RETURNING due.*
    )
    SELECT * FROM decided ORDER BY rank, due_at, owner
"""
_TAKE_RECORDED = f"""
    UPDATE deadline d SET state = 1
    WHERE d.state = 3 AND d.purpose = 'clock' AND d.case_id = ANY(CAST(:cases AS uuid[]))
    RETURNING {_COLUMNS}
"""
_NEXT = """
    SELECT mark.shard, (SELECT min(d.fires_at) FROM deadline d
        WHERE d.shard = mark.shard AND d.state = 0 AND d.fires_at >= mark.low_water) AS fires_at
    FROM shard_cursor mark
"""
# A proposed mark that has settled holds from now on, unless something is armed below it; then the
# next one is proposed. In the order of shards: two processes wait for each other.
_MOVE_MARKS = """
    WITH settled AS (
        SELECT shard, proposed FROM shard_cursor
        WHERE proposed_at < clock_timestamp() - CAST(:settles AS interval)
        ORDER BY shard FOR UPDATE SKIP LOCKED
    ), armed AS (
        SELECT settled.shard, settled.proposed, (SELECT min(d.fires_at) FROM deadline d
            WHERE d.shard = settled.shard AND d.state = 0) AS first
        FROM settled
    )
    UPDATE shard_cursor mark SET
        low_water = greatest(mark.low_water, least(armed.proposed, armed.first)),
        proposed = greatest(armed.proposed, least(:now, armed.first)),
        proposed_at = clock_timestamp()
    FROM armed WHERE mark.shard = armed.shard
"""
_LIFT = """
    UPDATE deadline d SET fires_at = mark.low_water FROM shard_cursor mark
    WHERE d.shard = mark.shard AND d.state = 0 AND d.fires_at < mark.low_water
"""


async def arm(
    tx: Transaction, armed: Sequence[Deadline], disarmed: Iterable[UUID]
) -> datetime | None:
    """Set and end deadlines; return the earliest instant that was armed."""
    if armed:
        # One row an owner, in a fixed order: two writers wait for each other.
        values = [rows.of_deadline(d) for d in sorted(armed, key=lambda d: d.owner)]
        await tx.change(_ARM, {name: [value[name] for value in values] for name in values[0]})
    gone = sorted(disarmed)
    if gone:
        await tx.change(_DISARM, {"owners": gone})
    return min((deadline.due_at for deadline in armed), default=None)


async def claim_due(
    tx: Transaction, shards: Sequence[int], *, now: datetime, limit: int
) -> list[Deadline]:
    """Claim what is due in `shards`, and write the fact of each breach in the same statement.

    There is no instant at which a deadline is fired and its fact missing. Their cases are locked; a
    case that somebody else is deciding on is passed over and comes with the next look.
    """
    found = await tx.execute(_CLAIM_DUE, {"shards": list(shards), "now": now, "limit": limit})
    return [rows.deadline(row) for row in found]


async def claim_emergencies(tx: Transaction, *, now: datetime, limit: int) -> list[Deadline]:
    """Claim what is due of emergencies alone, whatever waits besides."""
    found = await tx.execute(_CLAIM_EMERGENCIES, {"now": now, "limit": limit})
    return [rows.deadline(row) for row in found]


async def record_due(
    tx: Transaction, shards: Sequence[int], *, now: datetime, limit: int
) -> list[datetime]:
    """Write only the facts of what is due, and leave deciding for later; return their instants."""
    found = await tx.execute(_RECORD, {"shards": list(shards), "now": now, "limit": limit})
    return [row["due_at"] for row in found]


async def claim_recorded(tx: Transaction, *, limit: int) -> list[Deadline]:
    """Claim what was recorded and waits to be decided, emergencies and the oldest first."""
    return [rows.deadline(row) for row in await tx.execute(_CLAIM_RECORDED, {"limit": limit})]


async def take_recorded(tx: Transaction, cases: Sequence[UUID]) -> list[Deadline]:
    """Claim what was recorded of cases that the caller has locked: it happened before."""
    found = await tx.execute(_TAKE_RECORDED, {"cases": list(cases)})
    return sorted((rows.deadline(row) for row in found), key=lambda d: (d.due_at, d.owner))


async def next_due(tx: Transaction) -> dict[int, datetime]:
    """Return the shards in which something is armed, with the first instant of each."""
    return {
        row["shard"]: row["fires_at"]
        for row in await tx.execute(_NEXT)
        if row["fires_at"] is not None
    }


async def move_marks(tx: Transaction, *, now: datetime, settles: timedelta = SETTLES) -> None:
    """Let proposed marks hold that have settled, and propose the next."""
    await tx.change(_MOVE_MARKS, {"now": now - SETTLES, "settles": settles})


async def lift(tx: Transaction) -> int:
    """Bring up what is armed below its shard's mark, where nobody looks; there should be none."""
    return await tx.change(_LIFT)
