"""The HTTP application of a stand-in: the agency's interface beside one for tests and the demo.

`GET /admin/ledger` counts what came and what it effected, `PUT /admin/script` sets what happens
next, `POST /admin/act` does one thing now, `PUT /admin/faults` makes the agency misbehave,
`POST /admin/reset` forgets everything, `GET /admin/requests` is what came, where it is recorded.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.standins import ledger
from sandbox.standins.agency import Agency
from sandbox.standins.faults import FaultMaker, Faults
from sandbox.standins.paths import is_ours
from sandbox.standins.player import Player
from sandbox.standins.recorder import Recorder
from sandbox.standins.script import Script, Step
from sandbox.standins.store import Store

MOST_BYTES = 1_000_000

Handler = Callable[[Request], Awaitable[Response]]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reference: str
    step: Step


class TooLargeError(Exception):
    """The body is larger than the agency takes."""


async def body_of(request: Request, most: int = MOST_BYTES) -> bytes:
    """Read a body of at most `most` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)


def app_of(
    agency: Agency, store: Store, player: Player, *, token: str = "", record: bool = False
) -> ASGIApp:
    """Put the agency's interface and the admin interface together."""
    admin = _Admin(agency, store, player)

    async def too_large(_request: Request, _error: Exception) -> Response:
        return agency.refuse(413, "body too large")

    app = Starlette(
        routes=[*agency.routes(), *admin.routes()],
        middleware=[Middleware(_Doorkeeper, agency=agency, token=token)],
        exception_handlers={TooLargeError: too_large},
    )
    admin.faults = FaultMaker(app)
    admin.recorder = Recorder(admin.faults)
    return admin.recorder if record else admin.faults


class _Doorkeeper:
    """Asks callers of the agency's interface for its token, where it has one."""

    def __init__(self, app: ASGIApp, agency: Agency, token: str) -> None:
        self._app = app
        self._agency = agency
        self._expected = f"Bearer {token}".encode() if token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._may_pass(scope):
            await self._agency.refuse(401, "a valid bearer token is needed")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if not self._expected or is_ours(scope):
            return True
        given = dict(scope["headers"]).get(b"authorization", b"")
        return secrets.compare_digest(given, self._expected)


class _Admin:
    def __init__(self, agency: Agency, store: Store, player: Player) -> None:
        self._agency = agency
        self._store = store
        self._player = player
        self.faults: FaultMaker
        self.recorder: Recorder

    def routes(self) -> list[Route]:
        return [
            Route("/admin/ledger", self._ledger),
            Route("/admin/script", _checked(self._get_script)),
            Route("/admin/script", _checked(self._put_script), methods=["PUT"]),
            Route("/admin/act", _checked(self._act), methods=["POST"]),
            Route("/admin/faults", _checked(self._put_faults), methods=["PUT"]),
            Route("/admin/referrals/{reference}", self._referral),
            Route("/admin/requests", self._requests),
            Route("/admin/reset", self._reset, methods=["POST"]),
            Route("/healthz", _alive),
            Route("/readyz", self._ready),
        ]

    async def _ledger(self, request: Request) -> Response:
        """Answer the counts, and each referral's state unless `?references=0`."""
        counts = await self._store.write(ledger.counts)
        answer = {"name": self._agency.name, **counts}
        if request.query_params.get("references", "1") != "0":
            rows = self._store.read("SELECT * FROM referral ORDER BY number")
            answer["references"] = {
                row["reference"]: {
                    "state": row["state"],
                    "reached_at": row["reached_at"],
                    "deliveries": row["deliveries"],
                    "unit": row["unit"],
                    "problem": row["problem"],
                    "rule": row["rule"],
                }
                for row in rows
            }
        return JSONResponse(answer)

    async def _get_script(self, _request: Request) -> Response:
        script = await self._store.write(ledger.current_script)
        return JSONResponse(script.model_dump(mode="json"))

    async def _put_script(self, request: Request) -> Response:
        script = Script.model_validate_json(await body_of(request))
        await self._store.write(lambda tx: ledger.set_script(tx, script))
        return Response(status_code=204)

    async def _act(self, request: Request) -> Response:
        act = _Act.model_validate_json(await body_of(request))
        try:
            done = await self._player.do(act.reference, act.step)
        except LookupError:
            return JSONResponse({"error": "no such reference"}, 404)
        return JSONResponse({"done": done}, 200 if done else 409)

    async def _put_faults(self, request: Request) -> Response:
        self.faults.plan(Faults.model_validate_json(await body_of(request)))
        return Response(status_code=204)

    async def _referral(self, request: Request) -> Response:
        """Answer all that is kept of one referral."""
        rows = self._store.read(
            "SELECT * FROM referral WHERE reference = ? ORDER BY number DESC LIMIT 1",
            (request.path_params["reference"],),
        )
        if not rows:
            return JSONResponse({"error": "no such reference"}, 404)
        return JSONResponse(dict(rows[0]))

    async def _requests(self, _request: Request) -> Response:
        return JSONResponse(self.recorder.requests)

    async def _reset(self, _request: Request) -> Response:
        """Forget everything, as a system on its first day."""
        await self._store.write(ledger.forget)
        self.faults.plan(Faults())
        self.recorder.requests.clear()
        return Response(status_code=204)

    async def _ready(self, _request: Request) -> Response:
        self._store.read("SELECT 1")
        return PlainTextResponse("ready\n")


def _checked(handler: Handler) -> Handler:
    """Answer a body that does not fit with 400 and what is wrong with it."""

    async def checked(request: Request) -> Response:
        try:
            return await handler(request)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            return JSONResponse({"error": "; ".join(wrong)}, 400)

    return checked


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")
