"""The OpenAPI 3.1 document: the framework's routes, the reports' own, and what a problem is."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from services.gateway import answers, models, reports

VERSION = "1.0.0"
_REF = "#/components/schemas/{model}"
_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    (models.Report, "validation"),
    (models.StatusChange, "validation"),
    (models.Acknowledgement, "validation"),
    (answers.Receipt, "serialization"),
    (answers.Problem, "serialization"),
)
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Makes sending twice harmless: the same key and body get the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "description": "`th` or `en`: the language of problem documents. Thai by default.",
    "schema": {"type": "string"},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problem answers of a route, for its description."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
        for status in statuses
    }


def body(model: type[BaseModel], *, keyed: bool = False) -> dict[str, Any]:
    """Return the description of a body that a route reads by itself."""
    described: dict[str, Any] = {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(model.__name__)}},
        }
    }
    if keyed:
        described["parameters"] = [_KEY]
    return described


def document(app: FastAPI) -> dict[str, Any]:
    """Return the whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Songtor",
            version=VERSION,
            openapi_version="3.1.0",
            summary="The door of the hub through which agencies hand people in crisis on.",
            routes=app.routes,
        )
        _, schemas = models_json_schema(_MODELS, ref_template=_REF)
        components = made.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas["$defs"])
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        made["paths"] = {reports.PATH: {"post": _report()}, **made["paths"]}
        for path in made["paths"].values():
            for operation in path.values():
                _complete(operation)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(operation: dict[str, Any]) -> None:
    operation.setdefault("parameters", []).append(_LANGUAGE)
    if "401" in operation["responses"] and "security" not in operation:
        operation["security"] = [{"key": []}]


def _report() -> dict[str, Any]:
    receipt = {"application/json": {"schema": _ref("Receipt")}}
    replayed = {"Idempotent-Replayed": {"schema": {"type": "string", "const": "true"}}}
    refused = problems(400, 401, 403, 409, 413, 415, 422, 429, 500, 503, 504)
    responses: Mapping[str, Any] = {
        "201": {"description": "Stored: the receipt comes after the commit.", "content": receipt},
        "200": {
            "description": "Stored before under this key: the same receipt again.",
            "headers": replayed,
            "content": receipt,
        },
        **{str(status): answer for status, answer in refused.items()},
    }
    return {
        "tags": ["reporters"],
        "summary": "Report",
        "description": (
            "Brings a report. Without an API key it comes in by the public website's door. "
            "A problem, a place or a story is enough."
        ),
        "operationId": "report",
        **body(models.Report, keyed=True),
        "responses": dict(responses),
        "security": [{}, {"key": []}],
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF.format(model=name)}
