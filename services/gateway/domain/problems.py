"""An error as an RFC 9457 problem document: the one place that knows HTTP status codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh import errors
from mesh.errors import FieldViolation, InvalidArgumentError, SongtorError
from services.gateway.domain.texts import FIELDS, WORDS

RETRY_AFTER_SECONDS = 1

# A family's status, and the words for reasons that have none of their own.
_FAMILIES: Mapping[type[SongtorError], tuple[int, str]] = {
    errors.InvalidArgumentError: (422, "INVALID_FIELDS"),
    errors.UnauthenticatedError: (401, "UNAUTHENTICATED"),
    errors.PermissionDeniedError: (403, "PERMISSION_DENIED"),
    errors.NotFoundError: (404, "NOT_FOUND"),
    errors.AlreadyExistsError: (409, "CONFLICT"),
    errors.FailedPreconditionError: (409, "CONFLICT"),
    errors.AbortedError: (409, "CONFLICT"),
    errors.ResourceExhaustedError: (429, "TOO_MANY"),
    errors.UnavailableError: (503, "UNAVAILABLE"),
    errors.UnknownOutcomeError: (504, "UNKNOWN_OUTCOME"),
}
# Reasons whose status is not their family's.
_REASONS: Mapping[str, int] = {
    "MALFORMED_JSON": 400,
    "MISSING_IDEMPOTENCY_KEY": 400,
    "BAD_IDEMPOTENCY_KEY": 400,
    "METHOD_NOT_ALLOWED": 405,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    # draft-ietf-httpapi-idempotency-key-header: the key of another payload cannot be processed.
    "IDEMPOTENCY_KEY_REUSED": 422,
    "INTERNAL": 500,
}
# protovalidate's rules, for a field that our own checks let through.
_RULES: Mapping[str, str] = {
    "max_len": "TOO_LONG",
    "max_bytes": "TOO_LONG",
    "min_len": "TOO_SHORT",
    "max_items": "TOO_MANY_ITEMS",
    "unique": "TWICE",
    "pattern": "WRONG_FORM",
    "uuid": "WRONG_FORM",
    "defined_only": "NOT_IN_LIST",
    "required": "MISSING",
    "gte": "OUT_OF_RANGE",
    "lte": "OUT_OF_RANGE",
    "gte_lte": "OUT_OF_RANGE",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A document and the headers that go with it."""

    status: int
    headers: Mapping[str, str]
    document: Mapping[str, Any]


def status_of(error: SongtorError) -> int:
    """Return the HTTP status of an error."""
    family, _ = _FAMILIES[type(error)]
    return _REASONS.get(error.reason, family)


def problem_of(error: SongtorError, language: str, trace_id: str) -> Problem:
    """Return the problem document of an error, in `language`."""
    status = status_of(error)
    own = error.reason if error.reason in WORDS else _FAMILIES[type(error)][1]
    words = WORDS[own]
    document: dict[str, Any] = {
        "type": f"urn:songtor:problem:{own.lower().replace('_', '-')}",
        "title": words.title.in_language(language),
        "status": status,
        "detail": words.detail.in_language(language),
        "reason": error.reason,
        "next": words.next.in_language(language),
        "trace_id": trace_id,
        "instance": f"urn:songtor:trace:{trace_id}",
    }
    if isinstance(error, InvalidArgumentError) and error.violations:
        document["errors"] = [_field(item, language) for item in error.violations]
    if status == 409 and error.details:
        document["current"] = dict(error.details)
    headers = {"Content-Language": language, "Cache-Control": "no-store"}
    if status in (429, 503, 504):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="songtor"'
    if "allow" in error.details and status == 405:
        headers["Allow"] = error.details["allow"]
    return Problem(status, headers, document)


def _field(violation: FieldViolation, language: str) -> dict[str, str]:
    reason = violation.reason
    if reason not in FIELDS:
        reason = _RULES.get(reason.rpartition(".")[2], "INVALID")
    return {
        "field": violation.field,
        "reason": reason,
        "detail": FIELDS[reason].in_language(language),
    }
