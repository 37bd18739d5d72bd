"""The HTTP client every adapter uses: what happened is classed by what must happen next."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from adapters.sdk.errors import PermanentError, TransientError, UnknownError
from mesh import telemetry

_MAX_BODY = 4 * 1024 * 1024
# Refused before anything was done. 500, 502 and 504 may come after the effect.
_BUSY = (408, 425, 429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agency's system said, its body read whole."""

    status_code: int
    headers: Mapping[str, str]
    """Names in any case."""
    content: bytes

    def json(self) -> Any:
        """Read the body as JSON; a ValueError says that it is none."""
        return json.loads(self.content)


class AgencyClient:
    """Keep-alive client to one agency: timeouts everywhere, no redirects, answers size-limited.

    Addresses are below `base_url`, whether they begin with a slash or not.
    """

    def __init__(self, base_url: str, *, timeout: float, connections: int = 64) -> None:
        self._base = base_url.rstrip("/")
        self._connections = connections
        reaching = min(5.0, timeout)
        self._timeout = aiohttp.ClientTimeout(
            # A byte now and then satisfies every single timeout: the whole has one of its own.
            total=timeout + reaching,
            connect=reaching,
            sock_read=timeout,
        )
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> AgencyClient:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return an answer below 300, its body read.

        Raises TransientError when it surely was not done, UnknownError when it may have been, and
        PermanentError for any other refusal; `answer` takes 4xx answers that an adapter can read.
        """
        answer = await self.answer(method, url, content=content, headers=headers)
        if answer.status_code >= 300:
            raise PermanentError(f"HTTP_{answer.status_code}")
        return answer

    async def answer(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        readable: Container[int] = (),
    ) -> Answer:
        """Send one request and return its answer, also a refusal (3xx, 4xx) that says something.

        `readable` names further statuses whose body the protocol defines, as 500 for SOAP faults.
        """
        answer = await self._exchange(
            method,
            f"{self._base}/{url.lstrip('/')}",
            content,
            {**telemetry.trace_headers(), **(headers or {})},
        )
        if answer.status_code in readable:
            return answer
        if answer.status_code in _BUSY:
            raise TransientError(f"HTTP_{answer.status_code}", retry_after=_seconds(answer.headers))
        if answer.status_code >= 500:
            raise UnknownError(f"HTTP_{answer.status_code}")
        return answer

    async def _exchange(
        self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("the client is not open")
        try:
            async with self._session.request(
                method, url, data=content, headers=headers, allow_redirects=False
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _MAX_BODY:
                        raise UnknownError("ANSWER_TOO_LARGE")
                return Answer(response.status, response.headers, bytes(body))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransientError("AGENCY_AWAY") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownError(type(error).__name__) from error


def _seconds(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return min(float(value), 3600.0) if value.isascii() and value.isdecimal() else None
