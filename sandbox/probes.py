"""Questions that tell whether a local server is ready, asked without a client library."""

from __future__ import annotations

import asyncio

ASK_TIMEOUT = 1.0


async def http_get(host: str, port: int, path: str) -> tuple[int, bytes]:
    """Return status and body of one GET. Raises OSError or TimeoutError when nobody answers."""
    async with asyncio.timeout(ASK_TIMEOUT):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode("ascii"))
            answer = await reader.read()
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("the answer is not HTTP")
    return int(words[1]), body


async def http_ok(host: str, port: int, path: str) -> bool:
    """Tell whether `path` answers 200."""
    try:
        status, _ = await http_get(host, port, path)
    except (OSError, TimeoutError):
        return False
    return status == 200


async def accepts(host: str, port: int) -> bool:
    """Tell whether somebody listens there, for protocols that have no health page."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
