"""Keeps what came in, word for word, for tests that must know that something did not come."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.standins.paths import is_ours


class Recorder:
    """Writes down address, headers and body of each request to the agency's interface."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and keep it."""
        if scope["type"] != "http" or is_ours(scope):
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []

        async def noting() -> Message:
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        try:
            await self._app(scope, noting, send)
        finally:
            head = [f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"]
            head += [f"{name.decode()}: {value.decode()}" for name, value in scope["headers"]]
            body = b"".join(parts).decode("utf-8", "replace")
            self.requests.append("\n".join([*head, "", body]))
