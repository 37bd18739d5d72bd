"""How punctual deadlines are: `python -m bench.alerting_deadlines [--rows N] [--seconds S] ...`.

A JSON line each: arming; empty looks; lateness at steady rates, from the due instant to the commit
of the fact, its alerts and their messages; a storm (everything due at one instant); and clocks put
on another calendar. PostgreSQL is durable and on the same cores. Rows far in the future only fill
the tables; those that fall due have cases and clocks, spread over the provinces in a fixed order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

import asyncpg

from bench.alerting_parts import POLICIES, Parts, open_alerting
from bench.machine import describe
from mesh.clock import SystemClock
from policies.calendar import lay_out, open_hours, version_key
from policies.model import Override, Text
from services.alerting import calendars, deadlines
from services.alerting.sweeper import Sweeper

CLOCK = SystemClock()
HOURS = lay_out(POLICIES.calendars["th-gov"])
BUDGET = timedelta(hours=24)
CHUNK = 500_000

_FAR = """
    INSERT INTO deadline (owner, case_id, purpose, stage, gen, due_at, rank, state, fires_at,
        breach_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'clock', 100, 1, at, 1, 0, at, at
    FROM (SELECT CAST($1 AS timestamptz) + interval '1 day' + n * interval '0.7776 s' AS at
        FROM generate_series(CAST($2 AS bigint), CAST($3 AS bigint)) AS n) AS far
"""
# Cases 0..count-1 of a run: reported a day before the instant at which each falls due.
_CASES = """
    WITH made AS (
        SELECT n, CAST(md5($1 || n) AS uuid) AS case_id,
            CAST(md5($1 || 'clock' || n) AS uuid) AS id,
            CAST($2 AS timestamptz) + n * CAST($3 AS interval) AS due_at
        FROM generate_series(0, CAST($4 AS bigint) - 1) AS n
    ), watched AS (
        INSERT INTO watch (case_id, reference, province, problem_types, ess_cause, urgency, silent,
            excluded, reported_at)
        SELECT case_id, 'SGT-' || n, (CAST($5 AS text[]))[1 + n % 77], '["trafficking"]', '',
            'normal', false, '[]', due_at - interval '24 h' FROM made
    ), clocks AS (
        INSERT INTO clock (clock_id, case_id, step, frame_id, calendar, budget_us, warn, used_us,
            running_since, gen, breached)
        SELECT id, case_id, CAST($6 AS text), CAST($6 AS text), $7, $8, '[]', 0,
            due_at - interval '24 h', 1, false FROM made
    ), events AS (
        INSERT INTO clock_event (clock_id, gen, at, op, reason, frame_id, calendar, budget_us,
            recorded_at)
        SELECT id, 1, due_at - interval '24 h', 'start', 'case.reported', CAST($6 AS text), $7, $8,
            due_at - interval '24 h' FROM made
    )
    INSERT INTO deadline (owner, case_id, purpose, stage, gen, due_at, rank, state, fires_at,
        breach_at)
    SELECT id, case_id, 'clock', 100, 1, due_at, 1, 0, due_at, due_at FROM made
"""


class Stopwatch(Sweeper):
    """A sweeper that keeps how late each commit came."""

    def __init__(self, parts: Parts, *, batch: int = 250) -> None:
        super().__init__(parts.database, parts.engine, CLOCK, every=1.0, batch=batch)
        self.late: dict[str, list[float]] = {"fired": [], "recorded": [], "decided": []}

    def observe(self, stage: str, due: Sequence[datetime]) -> None:
        now = CLOCK.now()
        self.late[stage] += [(now - at).total_seconds() for at in due]


def quantile(values: Sequence[float], part: float) -> float:
    """Return a quantile in milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1)


async def add_cases(
    admin: asyncpg.Connection[Any],
    parts: Parts,
    name: str,
    count: int,
    *,
    first: datetime,
    apart: timedelta,
    step: str = "reach",
    calendar: str = "24x7",
    budget: timedelta = BUDGET,
) -> None:
    """Add cases whose one clock each falls due `apart` after another."""
    provinces = list(parts.snapshot.provinces)
    microseconds = budget // timedelta(microseconds=1)
    await admin.execute(
        _CASES, name, first, apart, count, provinces, step, calendar, microseconds, timeout=600
    )


async def arm_far(admin: asyncpg.Connection[Any], rows: int) -> dict[str, object]:
    """Fill the table with what is not due, as a restored cluster would."""
    started = time.perf_counter()
    await admin.execute("DROP INDEX deadline_armed")
    await admin.execute("ALTER TABLE deadline DROP CONSTRAINT deadline_pkey")
    now = CLOCK.now()
    for begin in range(0, rows, CHUNK):
        await admin.execute(_FAR, now, begin, min(begin + CHUNK, rows) - 1, timeout=600)
    inserted = time.perf_counter()
    await admin.execute(
        "CREATE INDEX deadline_armed ON deadline (shard, fires_at) WHERE state = 0", timeout=1200
    )
    await admin.execute("ALTER TABLE deadline ADD PRIMARY KEY (owner)", timeout=1200)
    seconds = time.perf_counter() - started
    await admin.execute("ANALYZE deadline", timeout=600)
    return {
        "armed_rows": rows,
        "seconds": round(seconds, 1),
        "of_which_indexes": round(seconds - (inserted - started), 1),
    }


async def empty_looks(parts: Parts, looks: int = 300) -> dict[str, object]:
    """Ask when nothing is due."""
    whole, shard = [], []
    for number in range(looks):
        started = time.perf_counter()
        async with parts.database.transaction() as tx:
            await deadlines.next_due(tx)
        whole.append(time.perf_counter() - started)
        started = time.perf_counter()
        async with parts.database.transaction() as tx:
            assert not await deadlines.claim_due(tx, [number % 64], now=CLOCK.now(), limit=500)
        shard.append(time.perf_counter() - started)
    return {
        "all_64_shards_ms": {"p50": quantile(whole, 0.5), "p99": quantile(whole, 0.99)},
        "claim_of_one_shard_ms": {"p50": quantile(shard, 0.5), "p99": quantile(shard, 0.99)},
    }


async def steady(
    admin: asyncpg.Connection[Any], parts: Parts, rate: int, seconds: float
) -> dict[str, object]:
    """Let deadlines fall due at an even rate while the real loop runs."""
    count = int(rate * seconds)
    name = f"steady{rate}"
    lead = 3 + count / 4000
    first = CLOCK.now() + timedelta(seconds=lead)
    await add_cases(admin, parts, name, count, first=first, apart=timedelta(seconds=1 / rate))
    await admin.execute("ANALYZE")
    sweeper = Stopwatch(parts)
    running = asyncio.create_task(sweeper.run())
    async with asyncio.timeout(600):
        while len(sweeper.late["fired"]) + len(sweeper.late["decided"]) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    facts = sweeper.late["fired"] + sweeper.late["recorded"]
    told = sweeper.late["fired"] + sweeper.late["decided"]
    return {
        "fires_per_second": rate,
        "fires": count,
        "fact_lateness_ms": {f"p{p}": quantile(facts, p / 100) for p in (50, 95, 99)}
        | {"max": quantile(facts, 1)},
        "told_lateness_ms": {f"p{p}": quantile(told, p / 100) for p in (50, 95, 99)}
        | {"max": quantile(told, 1)},
        "early": sum(late < 0 for late in facts),
        **await facts_of(admin, name, count),
    }


async def facts_of(admin: asyncpg.Connection[Any], name: str, count: int) -> dict[str, object]:
    """Count lost and doubled facts, and those written before their time."""
    row = await admin.fetchrow(
        "SELECT count(breach.clock_id) AS facts, count(DISTINCT breach.clock_id) AS clocks,"
        " count(*) FILTER (WHERE observed_at < breached_at) AS early"
        " FROM generate_series(0, CAST($2 AS bigint) - 1) AS n"
        " LEFT JOIN breach ON breach.clock_id = CAST(md5($1 || 'clock' || n) AS uuid)",
        name,
        count,
        timeout=600,
    )
    assert row is not None
    return {
        "lost": count - row["clocks"],
        "doubled": row["facts"] - row["clocks"],
        "facts_early": row["early"],
    }


async def storm(
    admin: asyncpg.Connection[Any], parts: Parts, count: int, decide_for: float
) -> dict[str, object]:
    """Let everything fall due at one instant."""
    at = CLOCK.now() - timedelta(seconds=1)
    await add_cases(admin, parts, "storm", count, first=at, apart=timedelta(0))
    await admin.execute("ANALYZE")
    sweeper = Stopwatch(parts)
    started = time.perf_counter()
    await sweeper.sweep_once()
    recorded = time.perf_counter() - started
    assert len(sweeper.late["recorded"]) + len(sweeper.late["fired"]) == count
    begun, already = time.perf_counter(), len(sweeper.late["decided"])
    while time.perf_counter() - begun < decide_for and await sweeper.sweep_once():
        continue
    rate = (len(sweeper.late["decided"]) - already) / (time.perf_counter() - begun)
    await admin.execute("UPDATE deadline SET state = 2 WHERE state = 3", timeout=600)
    return {
        "due_at_once": count,
        "recorded_seconds": round(recorded, 1),
        "recorded_per_second": round(count / recorded),
        "decided_per_second_afterwards": round(rate),
        **await facts_of(admin, "storm", count),
    }


async def recalendared(
    admin: asyncpg.Connection[Any], parts: Parts, count: int
) -> dict[str, object]:
    """Declare a day off that every clock crosses."""
    gov = POLICIES.calendars["th-gov"]
    now = CLOCK.now()
    begun = HOURS.next_open(now)
    day = next(
        on
        for on in ((begun + timedelta(days=n)).date() for n in range(1, 30))
        if HOURS.is_open(datetime.combine(on, time_of_day(5), UTC))
    )
    budget = HOURS.elapsed(begun, datetime.combine(day, time_of_day(23), UTC)) + timedelta(hours=2)
    older = version_key(HOURS)
    await add_cases(
        admin,
        parts,
        "recalendar",
        count,
        first=begun + BUDGET,
        apart=timedelta(microseconds=1),
        step="accept",
        calendar=older,
        budget=budget,
    )
    await admin.execute("ANALYZE")
    off = Override(day, (), Text("วันหยุดพิเศษ", "Special holiday"), "bench")
    later = lay_out(replace(gov, overrides={**gov.overrides, day: off}))
    hours, keys = calendars.versions({**open_hours(POLICIES), "th-gov": later})
    engine = replace(parts.engine, hours={**hours, older: HOURS}, calendar_keys=keys, _last=[])
    work = calendars.Recalendar(parts.database, engine, CLOCK)
    started = time.perf_counter()
    dry = await work.once(dry_run=True)
    dry_seconds, started = time.perf_counter() - started, time.perf_counter()
    moved = await work.once()
    return {
        "clocks": count,
        "would_move": dry,
        "dry_run_seconds": round(dry_seconds, 1),
        "moved": moved,
        "seconds": round(time.perf_counter() - started, 1),
    }


async def measure(given: argparse.Namespace) -> None:
    """Measure and print a JSON line each."""

    def say(bench: str, found: dict[str, object]) -> None:
        print(json.dumps({"bench": f"alerting_{bench}", **found, **describe()}), flush=True)

    async with open_alerting(CLOCK) as parts:
        admin = await asyncpg.connect(
            parts.admin, server_settings={"search_path": "alerting", "statement_timeout": "0"}
        )
        await admin.execute("SET transaction_timeout = 0")
        await admin.execute("SET maintenance_work_mem = '512MB'")
        # Checkpoints every 500 MB of log would be what is measured.
        await admin.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
        await admin.execute("SELECT pg_reload_conf()")
        say("arm", await arm_far(admin, given.rows))
        say("empty_look", await empty_looks(parts))
        for rate in given.rates:
            say("steady", await steady(admin, parts, rate, given.seconds))
        say("storm", await storm(admin, parts, given.storm, given.seconds))
        say("recalendar", await recalendared(admin, parts, given.recalendar))
        await admin.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rates", type=int, nargs="*", default=[200, 1000])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--storm", type=int, default=100_000)
    parser.add_argument("--recalendar", type=int, default=100_000)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
