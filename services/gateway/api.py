"""The framework's part of the gateway: its routes, and every error as a problem document."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mesh.errors import InvalidArgumentError, NotFoundError, SongtorError
from services.gateway import fhir, openapi, rendering, routes
from services.gateway.reading import headers_of, invalid
from services.gateway.routes import Parts


def application(parts: Parts, directory: fhir.Directory | None = None) -> FastAPI:
    """Return the application that answers all routes but the reports' own.

    With a directory it answers FHIR's questions about units, too.
    """
    app = FastAPI(title="Songtor", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.state.parts = parts
    app.include_router(routes.router)
    if directory is not None:
        app.state.directory = directory
        app.include_router(fhir.router)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]  # FastAPI's own way
    for kind in (SongtorError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(Exception, _broken)
    return app


async def _refuse(request: Request, raised: Exception) -> Response:
    return _response(rendering.problem(_error_of(raised), headers_of(request.scope)))


async def _broken(request: Request, raised: Exception) -> Response:
    return _response(rendering.broken(raised, headers_of(request.scope)))


def _error_of(raised: Exception) -> SongtorError:
    match raised:
        case SongtorError():
            return raised
        case RequestValidationError():
            return invalid(raised.errors(), skip=1)
        case HTTPException(status_code=405):
            allow = (raised.headers or {}).get("Allow", "")
            return InvalidArgumentError(
                "not this method", reason="METHOD_NOT_ALLOWED", details={"allow": allow}
            )
        case _:
            return NotFoundError("no such address", reason="NO_SUCH_ADDRESS")


def _response(answer: rendering.Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), media_type=answer.media_type)
