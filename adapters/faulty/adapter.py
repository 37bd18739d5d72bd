"""An adapter whose agency is its own memory, and which fails as its plan says.

Its listener is the remote control: `PUT /plan` sets the failures to come, `POST /news` lets the
agency act, `GET /carried` counts what was carried, delivery by delivery.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from adapters.faulty.plan import Fault, Kind, News, Plan
from adapters.sdk import (
    Action,
    AdapterSettings,
    AgencyClient,
    Delivery,
    Inbound,
    Page,
    PermanentError,
    Receipt,
    TransientError,
    UnknownError,
    Update,
)

REASON = "ON_DEMAND"


class Faulty:
    """Carries into memory; forgets when its process ends."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:  # noqa: ARG002 - it calls nobody
        self._clock = settings.clock()
        self._faults: list[Fault] = []
        self.files: dict[str, Delivery] = {}
        self.carried: Counter[str] = Counter()
        self.news: list[Update] = []

    def plan(self, plan: Plan) -> None:
        """Replace the failures to come."""
        self._faults = [fault for fault in plan.faults for _ in range(fault.times)]

    def act(self, news: News) -> None:
        """Let the agency do something with an assignment."""
        self.news.append(
            Update(
                source_id=f"news:{len(self.news)}",
                action=Action(news.action),
                occurred_at=self._clock.now(),
                assignment_id=news.assignment_id,
                reason_code=news.reason_code,
                outcomes=news.outcomes,
            )
        )

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Carry, or fail as planned."""
        fault = self._next(delivery)
        match fault.kind if fault is not None else None:
            case Kind.TRANSIENT:
                raise TransientError(REASON)
            case Kind.PERMANENT:
                raise PermanentError(REASON)
            case Kind.LOST_UNKNOWN:
                raise UnknownError(REASON)
            case Kind.CRASH:
                raise RuntimeError("a defect, on demand")
            case Kind.SLOW if fault is not None:
                await asyncio.sleep(fault.seconds)
        self.files[delivery.delivery_id] = delivery
        self.carried[delivery.delivery_id] += 1
        if fault is not None and fault.kind is Kind.DONE_UNKNOWN:
            raise UnknownError(REASON)
        return Receipt(f"faulty/{delivery.delivery_id}")

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Return the receipt of what was carried."""
        known = delivery.delivery_id in self.files
        return Receipt(f"faulty/{delivery.delivery_id}") if known else None

    async def fetch(self, cursor: str) -> Page:
        """Return what the agency did since."""
        since = int(cursor or "0")
        return Page(self.news[since:], str(len(self.news)) if self.news else cursor)

    def listener(self, inbound: Inbound) -> Any | None:  # noqa: ARG002 - news waits to be fetched
        """Return the remote control."""
        return Starlette(
            routes=[
                Route("/plan", self._put_plan, methods=["PUT"]),
                Route("/news", self._post_news, methods=["POST"]),
                Route("/carried", self._get_carried, methods=["GET"]),
            ]
        )

    def _next(self, delivery: Delivery) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if fault.assignment_id in ("", delivery.assignment_id):
                return self._faults.pop(index)
        return None

    async def _put_plan(self, request: Request) -> Response:
        try:
            self.plan(Plan.model_validate_json(await request.body()))
        except ValidationError as error:
            return JSONResponse({"error": error.error_count()}, 400)
        return Response(status_code=204)

    async def _post_news(self, request: Request) -> Response:
        try:
            self.act(News.model_validate_json(await request.body()))
        except ValueError:
            return JSONResponse({"error": "no such news"}, 400)
        return Response(status_code=204)

    async def _get_carried(self, _request: Request) -> Response:
        return JSONResponse(dict(self.carried))
