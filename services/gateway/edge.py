"""The outermost layer: a span, a measure, and an answer for every request, whatever happens."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mesh import telemetry
from mesh.errors import InvalidArgumentError, SongtorError
from services.gateway import reports
from services.gateway.reading import Headers, headers_of
from services.gateway.rendering import broken, problem
from services.gateway.reports import ReportDoor


class Edge:
    """The ASGI application: reports go straight to their door, all else to the framework."""

    def __init__(self, door: ReportDoor, api: ASGIApp) -> None:
        self._door = door
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        headers = headers_of(scope)
        method, started = scope["method"], time.perf_counter()
        parent = headers.get(b"traceparent")
        carrier = {"traceparent": parent.decode("latin-1")} if parent else {}
        with telemetry.continued(method, carrier, server=True):
            if scope["path"] == reports.PATH:
                route, status = reports.PATH, await self._report(method, headers, receive, send)
            else:
                status = await self._rest(scope, headers, receive, send)
                route = getattr(scope.get("route"), "path", "")
        telemetry.observe(
            telemetry.HTTP_SECONDS,
            time.perf_counter() - started,
            method=method,
            route=route,
            status=str(status),
        )

    async def _report(self, method: str, headers: Headers, receive: Receive, send: Send) -> int:
        try:
            if method != "POST":
                raise InvalidArgumentError(
                    "not this method", reason="METHOD_NOT_ALLOWED", details={"allow": "POST"}
                )
            answer = await self._door.take(headers, receive)
        except SongtorError as error:
            answer = problem(error, headers)
        except Exception as error:  # noqa: BLE001 logged, and answered as an error of ours
            answer = broken(error, headers)
        start, body = answer.messages()
        await send(start)
        await send(body)
        return answer.status

    async def _rest(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> int:
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._api(scope, receive, noting)
        except Exception as error:  # noqa: BLE001 logged, and answered as an error of ours
            if status:
                # The framework has answered, and raises again for whoever is outside.
                return status
            for part in broken(error, headers).messages():
                await noting(part)
        return status
