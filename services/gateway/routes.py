"""All routes but the reports' own: following up, referrals, alerts, news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from mesh import rpc
from mesh.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from mesh.status import from_status
from services.gateway import answers, models, openapi, wire
from services.gateway.domain import access
from services.gateway.domain.access import Principal
from services.gateway.keys import KeyRing
from services.gateway.news import News
from services.gateway.openapi import problems
from services.gateway.peers import Peers
from services.gateway.reading import body_of, headers_of, need_json, parsed
from services.gateway.reports import authenticated
from songtor.alerting.v1 import alerting_pb2
from songtor.intake.v1 import intake_pb2
from songtor.routing.v1 import routing_pb2

_SMALL_BODY = 16_384
_PURPOSE = r"^[a-z][a-z0-9_]{0,63}$"
_OFFICER = r"^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$"
_STATE = f"^({'|'.join(wire.ALERT_STATES)})?$"

router = APIRouter(prefix="/v1")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routes stand on; the application carries it as `state.parts`."""

    keys: KeyRing
    peers: Peers
    news: News


def _parts(request: Request) -> Parts:
    found: Parts = request.app.state.parts
    return found


Wired = Annotated[Parts, Depends(_parts)]


async def _asker(request: Request, parts: Wired) -> Principal:
    found = await authenticated(headers_of(request.scope), parts.keys)
    if found is None:
        raise UnauthenticatedError("an API key is needed", reason="NO_KEY")
    return found


Asker = Annotated[Principal, Depends(_asker)]


@router.get("/track/{reference}", tags=["reporters"], responses=problems(404, 422, 503, 504))
async def track(
    parts: Wired,
    response: Response,
    reference: Annotated[str, Path(max_length=32)],
    code: Annotated[str, Query(min_length=1, max_length=32)],
) -> answers.Tracked:
    """Ask how a report goes, with the reference and the follow-up code of its receipt."""
    answer = await rpc.call(
        parts.peers.intake.TrackCase,
        intake_pb2.TrackCaseRequest(reference=reference, follow_up_code=code),
        timeout=parts.peers.timeout,
    )
    response.headers["Cache-Control"] = "no-store"
    return wire.tracked_from(answer)


@router.get(
    "/cases/{case_id}/referrals",
    tags=["operators"],
    responses=problems(401, 403, 404, 422, 503, 504),
)
async def referrals(parts: Wired, asker: Asker, case_id: UUID) -> answers.Referrals:
    """List a case's referrals with their assignments and milestones. Needs `operator`."""
    access.need_operator(asker)
    answer = await rpc.call(
        parts.peers.routing.GetReferrals,
        routing_pb2.GetReferralsRequest(case_id=str(case_id)),
        timeout=parts.peers.timeout,
    )
    return wire.referrals_from(str(case_id), answer)


@router.post(
    "/referrals/{assignment_id}/status",
    tags=["agencies"],
    responses=problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 504),
    openapi_extra=openapi.body(models.StatusChange, keyed=True),
)
async def act(
    parts: Wired, asker: Asker, request: Request, response: Response, assignment_id: UUID
) -> answers.Assignment:
    """Accept, decline, start, complete ...: what a unit does with what it was asked.

    A stale or illegal step is 409 with the present state. Needs `agency:<code>`.
    """
    agency = access.need_agency(asker)
    headers = headers_of(request.scope)
    key = access.idempotency_key(request.headers.get("idempotency-key"))
    need_json(headers)
    body = parsed(models.StatusChange, await body_of(headers, request.receive, _SMALL_BODY))
    action = wire.action_to(
        body,
        assignment_id=str(assignment_id),
        agency=agency,
        key=access.scoped_key(asker, key),
    )
    try:
        result = await parts.peers.actions.submit(action)
        if result.HasField("refusal"):
            raise from_status(result.refusal)
    except PermissionDeniedError:
        # Another agency's assignment: that it is there is nobody else's business.
        raise NotFoundError("no such assignment", reason="NO_SUCH_ASSIGNMENT") from None
    if result.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return wire.assignment_from(result.assignment)


@router.get(
    "/referrals/{assignment_id}/identity",
    tags=["agencies"],
    responses=problems(401, 403, 404, 422, 503, 504),
)
async def identity(
    parts: Wired,
    asker: Asker,
    response: Response,
    assignment_id: UUID,
    *,
    purpose: Annotated[str, Query(pattern=_PURPOSE)],
    officer: Annotated[str, Query(pattern=_OFFICER)],
) -> answers.Identity:
    """Read who a case is about, while the agency holds it. Each reading is kept on record.

    `purpose` is a code, `officer` the reader's id. Needs `agency:<code>`.
    """
    answer = await rpc.call(
        parts.peers.intake.OpenIdentity,
        intake_pb2.OpenIdentityRequest(
            assignment_id=str(assignment_id),
            agency=access.need_agency(asker),
            purpose=purpose,
            officer=officer,
        ),
        timeout=parts.peers.timeout,
    )
    response.headers["Cache-Control"] = "no-store"
    return wire.identity_from(answer)


@router.get("/alerts", tags=["operators"], responses=problems(401, 403, 422, 503, 504))
async def alerts(
    parts: Wired,
    asker: Asker,
    *,
    tier: Annotated[str, Query(max_length=16)] = "",
    province_code: Annotated[str, Query(pattern=r"^([0-9]{2})?$")] = "",
    ministry: Annotated[str, Query(max_length=32)] = "",
    case_id: UUID | None = None,
    state: Annotated[str, Query(pattern=_STATE)] = "",
    page_size: Annotated[int, Query(ge=0, le=500)] = 0,
    page_token: Annotated[str, Query(max_length=128)] = "",
) -> answers.Alerts:
    """List alerts, newest first. Needs `operator`."""
    access.need_operator(asker)
    question = wire.alerts_request(
        tier=tier,
        province_code=province_code,
        ministry=ministry,
        case_id=str(case_id) if case_id else "",
        state=state,
        page_size=page_size,
        page_token=page_token,
    )
    answer = await rpc.call(parts.peers.alerting.ListAlerts, question, timeout=parts.peers.timeout)
    return answers.Alerts(
        alerts=[wire.alert_from(alert) for alert in answer.alerts],
        next_page_token=answer.next_page_token,
    )


@router.post(
    "/alerts/{alert_id}/acknowledge",
    tags=["operators"],
    responses=problems(400, 401, 403, 404, 413, 415, 422, 503, 504),
    openapi_extra=openapi.body(models.Acknowledgement),
)
async def acknowledge(
    parts: Wired, asker: Asker, request: Request, alert_id: UUID
) -> answers.Alert:
    """Say that a human took an alert in hand; repeating it changes nothing. Needs `operator`."""
    access.need_operator(asker)
    headers = headers_of(request.scope)
    need_json(headers)
    body = parsed(models.Acknowledgement, await body_of(headers, request.receive, _SMALL_BODY))
    answer = await rpc.call(
        parts.peers.alerting.Acknowledge,
        alerting_pb2.AcknowledgeRequest(alert_id=str(alert_id), by=body.by, note=body.note),
        timeout=parts.peers.timeout,
    )
    return wire.alert_from(answer.alert)


@router.get(
    "/events",
    tags=["operators"],
    response_class=StreamingResponse,
    responses=problems(401, 403),
)
async def events(parts: Wired, asker: Asker) -> StreamingResponse:
    """Stream `assignment` and `alert` events as they happen, in codes. Needs `operator`."""
    access.need_operator(asker)
    return StreamingResponse(
        parts.news.stream(),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
