"""The HTTP client of every adapter: what happened is classed by what must happen next."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.sdk import AgencyClient, PermanentError, TransientError, UnknownError
from sandbox.ports import LOCALHOST, free_ports

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Peer:
    """A server that answers each request with what it is told, byte for byte."""

    answer: Answer
    url: str = ""
    came: list[bytes] = field(default_factory=list)
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.came.append(head)
                await self.answer(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def says(*parts: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))

    return answer


def status(code: int, *headers: bytes, body: bytes = b"") -> Answer:
    lines = [b"HTTP/1.1 %d X" % code, b"Content-Length: %d" % len(body), *headers, b"", body]
    return says(b"\r\n".join(lines))


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hangs_up_half_way(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 201 X\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    writer.close()


async def is_silent(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():  # noqa: ASYNC110 the client's doing
        await asyncio.sleep(0.01)


async def drips(writer: asyncio.StreamWriter) -> None:
    """A byte now and then: no single read ever takes long."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def pours(writer: asyncio.StreamWriter) -> None:
    """Answer without an end."""
    writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


@asynccontextmanager
async def peer(answer: Answer) -> AsyncIterator[Peer]:
    there = Peer(answer)
    server = await asyncio.start_server(there.serve, LOCALHOST, 0)
    there.url = f"http://{LOCALHOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield there
    finally:
        server.close()
        for writer in there.open:
            writer.transport.abort()
        await server.wait_closed()


async def sent(answer: Answer, *, timeout: float = 2.0) -> tuple[int, bytes]:
    async with peer(answer) as there, AgencyClient(there.url, timeout=timeout) as client:
        response = await client.send("POST", "/referrals", content=b"{}")
        return response.status_code, response.content


@pytest.mark.parametrize("code", [200, 201, 202, 204])
async def test_an_answer_below_300_is_an_answer(code: int) -> None:
    assert await sent(status(code)) == (code, b"")


async def test_a_body_is_read_whole_also_when_it_is_packed() -> None:
    packed = gzip.compress("ข้อความ".encode() * 100)
    _, body = await sent(status(200, b"Content-Encoding: gzip", body=packed))
    assert body == "ข้อความ".encode() * 100


@pytest.mark.parametrize("code", [408, 425, 429, 503])
async def test_what_was_turned_away_at_the_door_surely_was_not_done(code: int) -> None:
    with pytest.raises(TransientError) as raised:
        await sent(status(code))
    assert (raised.value.reason, raised.value.retry_after) == (f"HTTP_{code}", None)


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        (b"90", 90.0),
        (b"999999999", 3600.0),
        (b"-5", None),
        (b"soon", None),
        (b"\xb2", None),
        (b"Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
async def test_it_waits_as_long_as_it_is_told_within_reason(
    told: bytes, waits: float | None
) -> None:
    with pytest.raises(TransientError) as raised:
        await sent(status(503, b"Retry-After: " + told))
    assert raised.value.retry_after == waits


@pytest.mark.parametrize("code", [500, 501, 502, 504, 599])
async def test_an_error_of_theirs_may_come_after_the_effect(code: int) -> None:
    with pytest.raises(UnknownError, match=f"HTTP_{code}"):
        await sent(status(code))


@pytest.mark.parametrize("code", [301, 302, 307, 400, 401, 403, 404, 409, 410, 422])
async def test_any_other_refusal_is_for_good(code: int) -> None:
    with pytest.raises(PermanentError, match=f"HTTP_{code}"):
        await sent(status(code, b"Location: http://127.0.0.1:1/elsewhere"))


async def test_an_adapter_may_read_a_refusal_that_says_something() -> None:
    async with (
        peer(status(422, body=b'{"error":"unit"}')) as there,
        AgencyClient(there.url, timeout=2) as client,
    ):
        response = await client.answer("POST", "/")
    assert (response.status_code, response.json()) == (422, {"error": "unit"})


async def test_an_agency_that_is_not_there_did_nothing() -> None:
    (port,) = free_ports(1)
    async with AgencyClient(f"http://{LOCALHOST}:{port}", timeout=2) as client:
        with pytest.raises(TransientError, match="AGENCY_AWAY"):
            await client.send("POST", "/")


@pytest.mark.parametrize(
    "answer",
    [
        hangs_up,
        hangs_up_half_way,
        says(b"this is not HTTP\r\n\r\n"),
        status(200, b"Content-Encoding: gzip", body=b"not packed at all"),
        pours,
    ],
    ids=["hangs up", "hangs up half way", "not HTTP", "wrongly packed", "never ends"],
)
async def test_an_answer_that_cannot_be_read_leaves_it_unknown(answer: Answer) -> None:
    with pytest.raises(UnknownError):
        await sent(answer)


@pytest.mark.parametrize("answer", [is_silent, drips], ids=["silent", "a byte at a time"])
async def test_an_answer_that_takes_too_long_leaves_it_unknown(answer: Answer) -> None:
    async with asyncio.timeout(5):
        with pytest.raises(UnknownError):
            await sent(answer, timeout=0.2)


async def test_it_never_sends_twice_by_itself() -> None:
    async with peer(hangs_up) as there, AgencyClient(there.url, timeout=2) as client:
        with pytest.raises(UnknownError):
            await client.send("POST", "/")
        assert len(there.came) == 1


async def test_not_even_when_a_connection_that_was_kept_turns_out_dead() -> None:
    async with peer(status(204)) as there, AgencyClient(there.url, timeout=2) as client:
        await client.send("POST", "/")
        there.answer = hangs_up
        with pytest.raises(UnknownError):
            await client.send("POST", "/")
        assert len(there.came) == 2


async def test_a_connection_is_used_again() -> None:
    async with peer(status(204)) as there, AgencyClient(there.url, timeout=2) as client:
        for _ in range(3):
            await client.send("POST", "/")
        assert len(there.came) == 3


async def test_waiting_for_a_free_connection_did_nothing() -> None:
    async with (
        peer(is_silent) as there,
        AgencyClient(there.url, timeout=0.3, connections=1) as client,
    ):
        answers = await asyncio.gather(
            *(client.send("POST", "/") for _ in range(2)), return_exceptions=True
        )
    assert sorted(type(answer).__name__ for answer in answers) == ["TransientError", "UnknownError"]
