"""The ASGI application in which an adapter receives what its agency pushes."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.sdk.errors import PermanentError, TransientError, UnknownError
from mesh.errors import UnavailableError

log = structlog.get_logger(__name__)

_MAX_BODY = 1024 * 1024


def receiver(path: str, secret: SecretStr, take: Callable[[bytes], Awaitable[None]]) -> Starlette:
    """Return an application that hands each body posted to `path` to `take`.

    The caller is told 204 only when `take` has returned; a PermanentError is its own fault (400),
    and whatever passes is 503, so that it tries again. Callers without the secret are refused.
    """
    expected = f"Bearer {secret.get_secret_value()}".encode()

    async def receive(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if len(expected) == len(b"Bearer ") or not secrets.compare_digest(given, expected):
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _MAX_BODY:
                return Response(status_code=413)
        try:
            await take(bytes(body))
        except PermanentError as error:
            log.warning("push_refused", reason=error.reason)
            return Response(status_code=400)
        except (TransientError, UnknownError, UnavailableError) as error:
            log.warning("push_waits", reason=error.reason)
            return Response(status_code=503, headers={"Retry-After": "1"})
        return Response(status_code=204)

    return Starlette(routes=[Route(path, receive, methods=["POST"])])
