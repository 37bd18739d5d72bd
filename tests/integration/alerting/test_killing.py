"""kill -9 at every statement of claiming, sending and acknowledging: nothing lost, and of what is
sent no more copies than are promised: one more for the message that was in hand."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.alerting.domain.case import Case
from tests.integration.alerting.office import Office
from tests.plumbing import driver_url

ENOUGH = 40
"""More statements than any of these has."""


@dataclass
class Lives:
    """Where lives begin that end as they are told."""

    office: Office
    database: str
    process: asyncio.subprocess.Process

    async def live(self, **told: Any) -> bool:
        """Run one life; return whether it came to its end."""
        place = driver_url(self.database).rpartition("@")[2]
        words = {
            "database": f"postgresql+asyncpg://songtor_alerting:test@{place}",
            "now": self.office.clock.now().isoformat(),
            "port": self.office.mailbox.port,
            **told,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        status = int(await self.process.stdout.readline())
        assert status in (0, signal.SIGKILL)
        return status == 0


@pytest_asyncio.fixture
async def lives(office: Office, database: str) -> AsyncIterator[Lives]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.alerting.dying",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    yield Lives(office, database, process)
    assert process.stdin
    process.stdin.close()
    await process.wait()


async def overdue(office: Office, count: int) -> list[Case]:
    cases = []
    for _ in range(count):
        known = await office.has_case(urgency="normal")
        await office.assigns(known)
        await office.assigns(known, state="accepted", version=2)
        cases.append(known)
    return cases


@pytest.mark.parametrize("batch", [250, 2], ids=["little", "a-storm"])
async def test_a_sweeper_killed_anywhere_loses_and_doubles_no_fact(
    office: Office, lives: Lives, batch: int
) -> None:
    cases = await overdue(office, 5)
    office.clock.advance(timedelta(hours=24))
    deaths = 0
    for dies_at in range(1, ENOUGH):
        if await lives.live(does="sweep", dies_at=dies_at, batch=batch):
            break
        deaths += 1
    assert 5 < deaths < ENOUGH - 1
    while await office.sweeper.sweep_once():
        continue
    facts = await office.rows(
        "SELECT case_id, step FROM breach WHERE case_id = ANY(CAST(:ids AS uuid[]))",
        ids=[known.case_id for known in cases],
    )
    assert Counter(row["case_id"] for row in facts) == {known.case_id: 1 for known in cases}
    tiers = await office.rows(
        "SELECT case_id, tier FROM alert WHERE kind = 'reach_overdue'"
        " AND case_id = ANY(CAST(:ids AS uuid[]))",
        ids=[known.case_id for known in cases],
    )
    assert Counter((row["case_id"], row["tier"]) for row in tiers) == {
        (known.case_id, tier): 1 for known in cases for tier in ("central", "ministry", "province")
    }


async def test_a_sender_killed_anywhere_sends_at_most_one_copy_more_a_death(
    office: Office, lives: Lives
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    deaths = 0
    for dies_at in range(1, ENOUGH):
        done = await lives.live(does="send", dies_at=dies_at)
        async with office.database.transaction() as tx:
            await tx.change(
                "UPDATE notification SET leased_until = clock_timestamp() - interval '1 s'"
                " WHERE status = 'sending'"
            )
        await office.sender.take_over_once()
        if done:
            break
        deaths += 1
    assert 3 < deaths < ENOUGH - 1
    await office.sends()
    copies = Counter(mail.reference for mail in office.mailbox.mails)
    assert set(office.mailbox.to()) == {"central", "province-50"}
    assert sum(copies.values()) <= len(copies) + deaths
    assert {status for _, status in await office.statuses(known)} == {"sent"}


async def test_an_acknowledgement_killed_anywhere_holds_whole_or_not_at_all(
    office: Office, lives: Lives
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    (alert_id,) = await office.alerts(known, "central")
    deaths = 0
    for dies_at in range(1, ENOUGH):
        done = await lives.live(does="acknowledge", dies_at=dies_at, alert_id=str(alert_id))
        found = await office.rows(
            "SELECT alert.state, deadline.purpose, (SELECT count(*) FROM alert_event e"
            " WHERE e.alert_id = alert.alert_id AND what = 'acknowledged') AS said"
            " FROM alert JOIN deadline ON owner = alert_id WHERE alert_id = :id",
            id=alert_id,
        )
        whole = ("acknowledged", "ack", 1)
        state = (found[0]["state"], found[0]["purpose"], found[0]["said"])
        assert state == whole or (state[0] == "open" and state[2] == 0)
        if done:
            break
        deaths += 1
    assert 5 < deaths < ENOUGH - 1
    assert state == whole
