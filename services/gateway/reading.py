"""Reading what came: bounded, typed, and never repeated in what is said about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope

from mesh.errors import FieldViolation, InvalidArgumentError

B = TypeVar("B", bound=BaseModel)
Headers = Mapping[bytes, bytes]

# What pydantic calls a fault, as our stable reasons. Whatever is not here is INVALID.
_REASONS: Mapping[str, str] = {
    "missing": "MISSING",
    "extra_forbidden": "UNKNOWN_FIELD",
    "string_too_long": "TOO_LONG",
    "string_too_short": "TOO_SHORT",
    "too_long": "TOO_MANY_ITEMS",
    "string_pattern_mismatch": "WRONG_FORM",
    "uuid_parsing": "WRONG_FORM",
    "datetime_parsing": "WRONG_FORM",
    "datetime_from_date_parsing": "WRONG_FORM",
    "datetime_object_invalid": "WRONG_FORM",
    "timezone_aware": "NO_TIME_ZONE",
    "literal_error": "NOT_IN_LIST",
    "enum": "NOT_IN_LIST",
    "greater_than_equal": "OUT_OF_RANGE",
    "less_than_equal": "OUT_OF_RANGE",
    "finite_number": "OUT_OF_RANGE",
    "int_parsing_size": "OUT_OF_RANGE",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}")
_MOST_FAULTS = 32


def headers_of(scope: Scope) -> Headers:
    """Return a request's headers by lower-case name; of several the last."""
    return dict(scope["headers"])


async def body_of(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Return the whole body; one over the limit is refused before it is read to its end."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large()
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body") and size <= limit:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if len(body) > limit:
        raise _too_large()
    return body


def _too_large() -> InvalidArgumentError:
    return InvalidArgumentError("the body is over the limit", reason="BODY_TOO_LARGE")


def need_json(headers: Headers) -> None:
    """Raise unless the body is said to be JSON."""
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        raise InvalidArgumentError("the body is not JSON", reason="UNSUPPORTED_MEDIA_TYPE")


def parsed(model: type[B], body: bytes) -> B:
    """Return the body as its model, or raise with every fault by field."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False)) from None


def invalid(faults: Iterable[Mapping[str, Any]], *, skip: int = 0) -> InvalidArgumentError:
    """Return pydantic's faults as ours; `skip` leaves out the first steps of each path."""
    found = list(faults)[:_MOST_FAULTS]
    if any(fault["type"] == "json_invalid" for fault in found):
        return InvalidArgumentError("the body is not JSON", reason="MALFORMED_JSON")
    return InvalidArgumentError(
        "some fields are not as they must be",
        reason="INVALID_FIELDS",
        violations=[
            FieldViolation(_path(fault["loc"][skip:]), _reason(fault["type"]), fault["type"])
            for fault in found
        ],
    )


def _reason(kind: str) -> str:
    if kind in _REASONS:
        return _REASONS[kind]
    return "WRONG_TYPE" if kind.endswith(("_type", "_parsing")) else "INVALID"


def _path(steps: Iterable[str | int]) -> str:
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _NAME.fullmatch(step):
            path += f".{step}" if path else step
        else:
            # Somebody's words stand where a field's name should: they are not repeated.
            path += ".?" if path else "?"
    return path or "body"
