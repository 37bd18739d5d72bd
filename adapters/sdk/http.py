"""The HTTP client every adapter uses: what happened is classed by what must happen next."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from types import TracebackType
from typing import Any

import httpx2

from adapters.sdk.errors import PermanentError, TransientError, UnknownError
from mesh import telemetry

_MAX_BODY = 4 * 1024 * 1024
# Refused before anything was done. 500, 502 and 504 may come after the effect.
_BUSY = (408, 425, 429, 503)


class AgencyClient:
    """Keep-alive client to one agency: timeouts everywhere, no redirects, answers size-limited."""

    def __init__(self, base_url: str, *, timeout: float, connections: int = 64) -> None:
        # A byte now and then satisfies every single timeout: the whole has one of its own.
        self._longest = timeout + min(5.0, timeout)
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            timeout=httpx2.Timeout(timeout, connect=min(5.0, timeout)),
            follow_redirects=False,
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=connections
            ),
        )

    async def __aenter__(self) -> AgencyClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(self, method: str, url: str, **options: Any) -> httpx2.Response:
        """Send one request and return an answer below 400, its body read.

        Raises TransientError when it surely was not done, UnknownError when it may have been, and
        PermanentError for any other refusal; `answer` takes 4xx answers that an adapter can read.
        """
        response = await self.answer(method, url, **options)
        if response.status_code >= 300:
            raise PermanentError(f"HTTP_{response.status_code}")
        return response

    async def answer(
        self, method: str, url: str, *, readable: Container[int] = (), **options: Any
    ) -> httpx2.Response:
        """Send one request and return its answer, also a refusal (3xx, 4xx) that says something.

        `readable` names further statuses whose body the protocol defines, as 500 for SOAP faults.
        """
        headers = {**telemetry.trace_headers(), **options.pop("headers", {})}
        try:
            async with (
                asyncio.timeout(self._longest),
                self._client.stream(method, url, headers=headers, **options) as response,
            ):
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_BODY:
                        raise UnknownError("ANSWER_TOO_LARGE")
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise TransientError("AGENCY_AWAY") from error
        except (httpx2.TransportError, httpx2.DecodingError, TimeoutError) as error:
            raise UnknownError(type(error).__name__) from error
        if response.status_code in _BUSY and response.status_code not in readable:
            raise TransientError(
                f"HTTP_{response.status_code}", retry_after=_seconds(response.headers)
            )
        if response.status_code >= 500 and response.status_code not in readable:
            raise UnknownError(f"HTTP_{response.status_code}")
        return httpx2.Response(
            response.status_code,
            headers=[
                (k, v) for k, v in response.headers.multi_items() if k.lower() not in _FRAMING
            ],
            content=bytes(body),
            request=response.request,
        )


_FRAMING = ("content-encoding", "transfer-encoding", "content-length")


def _seconds(headers: httpx2.Headers) -> float | None:
    value = headers.get("retry-after", "")
    return min(float(value), 3600.0) if value.isascii() and value.isdecimal() else None
