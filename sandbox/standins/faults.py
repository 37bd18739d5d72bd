"""Faults that a stand-in commits on demand, for the tests of those who talk to it.

`PUT /admin/faults {"faults": [{"kind": "lose_reply", "times": 1}]}`: the agency does what it was
asked and never answers. `fail_after` does it and answers 500, `refuse` answers 503 and does
nothing, `slow` waits `seconds` first. Faults are used up in order and forgotten on restart.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.standins.paths import is_ours


class Fault(BaseModel):
    """One kind of misbehaviour, for so many requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lose_reply", "fail_after", "refuse", "slow"]
    times: int = Field(default=1, ge=1)
    seconds: float = Field(default=1.0, ge=0, le=60)
    method: str = "POST"
    """Only requests of this method are hit."""
    path: str = ""
    """Only requests whose path ends so are hit."""


class Faults(BaseModel):
    """The faults to come."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    faults: tuple[Fault, ...] = ()


class FaultMaker:
    """Wraps the agency's interface; the admin interface and health stay whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._waiting: list[Fault] = []

    def plan(self, faults: Faults) -> None:
        """Replace what is planned."""
        self._waiting = [fault for fault in faults.faults for _ in range(fault.times)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, with the next planned fault if it is for it."""
        fault = self._next(scope)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "refuse":
            await PlainTextResponse("down for maintenance", 503)(scope, receive, send)
        elif fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, _swallow)
            if fault.kind == "fail_after":
                await PlainTextResponse("internal error", 500)(scope, receive, send)
            else:
                await _until_gone(receive)

    def _next(self, scope: Scope) -> Fault | None:
        if scope["type"] != "http" or is_ours(scope):
            return None
        for index, fault in enumerate(self._waiting):
            if fault.method == scope["method"] and scope["path"].endswith(fault.path):
                return self._waiting.pop(index)
        return None


async def _swallow(message: Message) -> None:
    """Take an answer that nobody will get."""


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
