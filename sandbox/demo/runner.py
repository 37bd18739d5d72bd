"""Plays the scenario against a hub that runs, as its clients would, and judges the outcome."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from rich.console import Console

from directory.model import Unit
from mesh.clock import VirtualClock
from policies.calendar import open_hours
from policies.reader import load
from sandbox.demo.client import DemoError, HubClient, Json
from sandbox.demo.expectation import Ending
from sandbox.demo.judgement import (
    DESKS,
    REACH_OVERDUE,
    DemoCase,
    Evidence,
    faults,
    nobody_told_the_sender,
)
from sandbox.demo.progress import KINDS, Progress
from sandbox.demo.scenario import DemoReport, Wave, by_wave, scenario
from sandbox.demo.scripts import script_for
from sandbox.demo.table import table_of
from sandbox.hub.layout import Layout
from sandbox.hub.running import AGENCIES, Running
from sandbox.national import national_units
from sandbox.wide import print_whole

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16
SETTLES_WITHIN = 120.0
"""Seconds without any progress after which the rest is called lost."""
POLL_SECONDS = 0.3
THERE = ZoneInfo("Asia/Bangkok")
MORNING, NIGHT = 10, 21
OFFICE = "th-gov"
SENDER = "ngo"
"""The agency under whose key the demo's agency reports are sent."""
A_DAY_AND_MORE = timedelta(hours=25)


async def play(running: Running, console: Console | None = None) -> bool:
    """Play the whole scenario; return whether every referral ended as it should."""
    console = console or Console()
    began = time.monotonic()
    clock = VirtualClock(Layout(running.folder).clock)
    async with HubClient(running) as client:
        for agency in AGENCIES:
            await client.play(agency, script_for(agency, scenario()))
        cases: list[DemoCase] = []
        with Progress(console, total=len(scenario())) as progress:
            for wave, reports in by_wave():
                _move_to(clock, wave)
                told = clock.now().astimezone(THERE)
                progress.say(f"{wave.value.replace('_', ' ')}, {told:%a %d %b %Y %H:%M}")
                sent = await _in_parallel(reports, lambda it: _send(client, it, progress))
                cases += sent
                await _settle(client, sent, progress)
            clock.advance(A_DAY_AND_MORE)
            progress.say(f"25 hours later: {clock.now().astimezone(THERE):%a %d %b %Y %H:%M}")
            await _until_desks_are_told(client, cases, progress)
        seen = await _evidence(client)
        await _in_parallel(cases, lambda it: _look(client, it))
    found = {case.case_id: faults(case, seen) for case in cases}
    print_whole(console, table_of(cases, seen, found))
    return _conclude(console, cases, found, seen, time.monotonic() - began)


async def _send(client: HubClient, report: DemoReport, progress: Progress) -> DemoCase:
    receipt = await client.submit(report)
    if report.sent_twice:
        again = await client.submit(report)
        if again["case_id"] != receipt["case_id"]:
            raise DemoError(f"{report.key} sent twice became two cases")
    progress.count("sent", report.report_id)
    return DemoCase(report, receipt["case_id"], receipt["reference"])


async def _settle(client: HubClient, cases: Sequence[DemoCase], progress: Progress) -> None:
    """Look at the cases again and again until nothing more is to come, or nothing comes."""
    waiting = list(cases)
    while waiting and progress.quiet_for() < SETTLES_WITHIN:
        await _in_parallel(waiting, lambda it: _look(client, it))
        for case in waiting:
            for kind in case.milestones() & {*KINDS}:
                progress.count(kind, case.case_id)
            if case.settled():
                progress.count("settled", case.case_id)
        waiting = [case for case in waiting if not case.settled()]
        if waiting:
            await asyncio.sleep(POLL_SECONDS)


async def _look(client: HubClient, case: DemoCase) -> None:
    case.referrals = await client.referrals(case.case_id)
    for assignment in case.assignments:
        if assignment["state"] == "requested" and not _units()[assignment["unit_id"]].adapter:
            await _help_from_a_desk(client, case, assignment["assignment_id"])


async def _help_from_a_desk(client: HubClient, case: DemoCase, assignment_id: str) -> None:
    """Take a case that came to a desk, as the officer on duty does in the hub itself."""
    if not case.report.province and not await client.alerts(case.case_id):
        return  # of what could not be routed the centre learns by an alert, and not before it
    await client.act(assignment_id, "receive")
    await client.act(assignment_id, "accept")
    await client.act(assignment_id, "record_reached", reached_by="phone")
    await client.act(assignment_id, "complete", outcomes=["referred_on"])


async def _until_desks_are_told(
    client: HubClient, cases: Sequence[DemoCase], progress: Progress
) -> None:
    """Wait until mail about each person not reached lies at three desks."""
    left = [case for case in cases if case.report.expected.ending is Ending.NOT_REACHED]
    while progress.quiet_for() < SETTLES_WITHIN:
        mails = await client.mails()
        for case in left:
            desks = {mail["to"] for mail in mails if _is_about(mail, case)}
            for desk in desks:
                progress.count("mail to desks", f"{case.case_id} {desk}")
        alerts = [alert for alert in await client.alerts() if alert["kind"] == REACH_OVERDUE]
        told = Counter(alert["case_id"] for alert in alerts if _was_sent(alert))
        if all(told[case.case_id] >= len(DESKS) for case in left):
            return
        await asyncio.sleep(POLL_SECONDS)


def _is_about(mail: Json, case: DemoCase) -> bool:
    return mail["to"].endswith("@desk.example") and case.reference in mail["subject"] + mail["body"]


def _was_sent(alert: Json) -> bool:
    return any(notification["status"] == "sent" for notification in alert["notifications"])


async def _evidence(client: HubClient) -> Evidence:
    effects: dict[str, Counter[str]] = {}
    news = 0
    for agency in AGENCIES:
        ledger = await client.ledger(agency)
        effects[agency] = Counter(dict.fromkeys(ledger["references"], 1))
        effects[agency].update(ledger["doubled"])
        news += ledger["news"]["kept"] if agency == SENDER else 0
    return Evidence(_units(), effects, await client.alerts(), await client.mails(), news)


@cache
def _units() -> Mapping[str, Unit]:
    return {unit.id: unit for unit in national_units()}


def _move_to(clock: VirtualClock, wave: Wave) -> None:
    """Move on to the wave's hour: ten of a working day, or nine in the evening of that day."""
    now = clock.now()
    if wave is Wave.NIGHT:
        target = _at(now, NIGHT)
        if target <= now:
            target += timedelta(days=1)
    else:
        hours = open_hours(load())[OFFICE]
        target = _at(now, MORNING)
        while target <= now or not hours.is_open(target):
            target += timedelta(days=1)
    clock.advance(target - now)


def _at(day: datetime, hour: int) -> datetime:
    return day.astimezone(THERE).replace(hour=hour, minute=0, second=0, microsecond=0)


async def _in_parallel(items: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do `work` on every item, a few at a time; return what came of it in the items' order."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> R:
        async with room:
            return await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None  # one is enough to know why it cannot go on
    return [task.result() for task in tasks]


def _conclude(
    console: Console,
    cases: Sequence[DemoCase],
    found: dict[str, list[str]],
    seen: Evidence,
    seconds: float,
) -> bool:
    wrong = sum(1 for faults_ in found.values() if faults_)
    referrals = sum(len(case.referrals) for case in cases)
    effects = sum(sum(counted.values()) for counted in seen.effects.values())
    console.print(
        f"\n{len(cases)} reports, {referrals} referrals, {effects} files opened by agencies,"
        f" {len(seen.alerts)} alerts, {len(seen.mails)} mails, {seen.news} pieces of news back"
        f" at the foundation, in {seconds:.0f} s"
    )
    if nobody_told_the_sender(cases, seen):
        console.print(f"[red]only {seen.news} pieces of news came back to who reported[/red]")
        return False
    if wrong:
        console.print(f"[red]{wrong} cases did not end as they should[/red]")
    else:
        console.print("every referral ended as it should: none lost, none doubled")
    return wrong == 0
