"""Messages on their way: refused, delayed, cut off, and workers that die with one in hand."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

from services.alerting import notices
from services.alerting.domain.casefile import Happening
from services.alerting.mail import Mailer, MailServer
from tests.integration.alerting.office import EMERGENCY, Office
from tests.unit.alerting.world import STATION
from tests.waiting import until

LEASE = timedelta(seconds=30)


async def dies_with(office: Office, limit: int = 10) -> list[notices.Errand]:
    """A worker claims what waits, and is killed; its lease ends."""
    await office.pacer.release_once()
    async with office.database.transaction() as tx:
        taken = await notices.claim(tx, rank=9, limit=limit, lease=LEASE, now=office.clock.now())
    async with office.database.transaction() as tx:
        await tx.change(
            "UPDATE notification SET leased_until = clock_timestamp() - interval '1 s'"
            " WHERE status = 'sending'"
        )
    return taken


async def test_a_dead_workers_emergency_is_sent_again_with_the_same_reference(
    office: Office,
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    errands = await dies_with(office)
    assert len(errands) == 2
    await office.sends()
    assert office.mailbox.mails == []  # nobody else touches what is claimed
    assert len(await office.sender.take_over_once()) == 2
    await office.sends()
    assert {mail.reference for mail in office.mailbox.mails} == {
        f"<{errand.notification_id}@songtor.example>" for errand in errands
    }
    found = await office.rows(
        "SELECT status, history FROM notification WHERE case_id = :id", id=known.case_id
    )
    assert {row["status"] for row in found} == {"sent"}
    assert all("lease_ended" in str(row["history"]) for row in found)


async def test_a_dead_workers_warning_stays_honestly_unknown(office: Office) -> None:
    known = await office.has_case(urgency="normal")
    await office.assigns(known)
    await office.assigns(known, state="accepted", version=2)
    office.clock.advance(timedelta(hours=12))
    await office.sweeper.sweep_once()
    assert len(await dies_with(office)) == 1
    await office.sender.take_over_once()
    await office.sends()
    assert await office.statuses(known) == [(STATION, "unknown")]
    assert office.mailbox.mails == []


async def test_a_living_workers_lease_is_left_alone_even_when_the_clock_jumps(
    office: Office,
) -> None:
    await office.has_case(urgency="crisis", ess_cause="threat")
    async with office.database.transaction() as tx:
        await notices.claim(tx, rank=9, limit=10, lease=LEASE, now=office.clock.now())
    office.clock.advance(timedelta(hours=25))
    assert list(await office.sender.take_over_once()) == []


async def test_a_server_that_asks_for_patience_gets_exactly_one_copy(office: Office) -> None:
    answers = count()
    office.mailbox.answer = lambda _: "451 later" if next(answers) < 6 else "250 kept"
    await office.has_case(urgency="crisis", ess_cause="threat")
    for _ in range(20):
        await office.sends()
        office.clock.advance(timedelta(seconds=8))
    copies = Counter(mail.reference for mail in office.mailbox.mails)
    assert set(copies.values()) == {1}
    assert office.mailbox.to() == ["central", "province-50"]


async def test_an_address_that_is_refused_for_good_takes_the_next_step_at_once(
    office: Office,
) -> None:
    office.mailbox.refuse = lambda to: "550 no" if to.startswith("central") else "250 ok"
    known = await office.has_case(urgency="normal", province="")
    await office.hears(Happening(known, office.clock.now(), signal="unroutable"))
    await office.sends()
    told = await office.rows(
        "SELECT step, status FROM notification WHERE case_id = :id ORDER BY round",
        id=known.case_id,
    )
    # Duty, then head: both failed within the same instant, nothing waited for a timer.
    assert [(row["step"], row["status"]) for row in told] == [(0, "failed"), (1, "failed")]


async def test_a_mail_server_that_is_away_keeps_nobody_from_being_told_later(
    office: Office,
) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    away = MailServer("127.0.0.1", 9, "none", "", "", "alerts@songtor.example", timeout=1)
    async with Mailer(away) as nowhere:
        for _ in range(3):
            await office.sender.send_once(nowhere)
            office.clock.advance(timedelta(seconds=8))
    assert {status for _, status in await office.statuses(known)} == {"pending"}
    await office.sends()
    assert office.mailbox.to() == ["central", "province-50"]


async def test_a_text_cut_off_is_of_unknown_fate_and_an_urgent_one_goes_again(
    office: Office,
) -> None:
    """The server takes the whole text and hangs up without a word."""
    hung_up = asyncio.Event()

    async def takes_and_hangs_up(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"220 here\r\n")
        with suppress(ConnectionError):
            while line := await reader.readline():
                if line.upper().startswith(b"DATA"):
                    writer.write(b"354 go\r\n")
                    await reader.readuntil(b"\r\n.\r\n")
                    break
                writer.write(b"250 ok\r\n")
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(takes_and_hangs_up, "127.0.0.1", 0)
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    port = server.sockets[0].getsockname()[1]
    broken = MailServer("127.0.0.1", port, "none", "", "", "alerts@songtor.example", timeout=2)
    async with Mailer(broken) as mailer:
        await office.sender.send_once(mailer)
    server.close()
    assert hung_up.is_set()
    history = await office.rows(
        "SELECT history, attempts FROM notification WHERE case_id = :id", id=known.case_id
    )
    assert all("unknown:SMTPServerDisconnected" in str(row["history"]) for row in history)
    office.clock.advance(timedelta(seconds=2))
    await office.sends()
    assert office.mailbox.to() == ["central", "province-50"]


async def test_a_conflict_learnt_after_the_letter_was_written_stops_it(office: Office) -> None:
    known = await office.has_case(urgency="crisis", ess_cause="threat")
    implicated = replace(known, excluded=frozenset({"province-50"}))
    await office.hears(Happening(implicated, office.clock.now()))
    await office.sends()
    assert office.mailbox.to() == ["central"]
    assert ("province-50", "cancelled") in await office.statuses(known)


async def test_the_emergency_lane_takes_nothing_else(office: Office) -> None:
    normal = await office.has_case(urgency="normal", province="")
    await office.hears(Happening(normal, office.clock.now(), signal="unroutable"))
    assert await office.sender.send_once(office.mailer, rank=EMERGENCY) == 0
    await office.has_case(urgency="crisis", ess_cause="threat")
    assert await office.sender.send_once(office.mailer, rank=EMERGENCY) == 2


async def test_an_emergency_goes_before_everything_that_waits(office: Office) -> None:
    for _ in range(3):
        normal = await office.has_case(urgency="normal", province="")
        await office.hears(Happening(normal, office.clock.now(), signal="unroutable"))
    await office.has_case(urgency="crisis", ess_cause="threat", reference="SR-FIRST")
    await office.sends()
    first = [mail.subject for mail in office.mailbox.mails[:2]]
    assert all("SR-FIRST" in subject for subject in first)


async def test_the_loops_tell_an_emergency_by_themselves(office: Office) -> None:
    loops = asyncio.create_task(office.sender.run())
    await office.has_case(urgency="crisis", ess_cause="threat")
    await until(lambda: office.mailbox.to() == ["central", "province-50"])
    loops.cancel()
    await asyncio.gather(loops, return_exceptions=True)
