"""The error family as `google.rpc.Status`, both ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2

from mesh import errors
from mesh.errors import FieldViolation, InvalidArgumentError, SongtorError

DOMAIN = "songtor"

_CODES: dict[type[SongtorError], int] = {
    errors.InvalidArgumentError: code_pb2.INVALID_ARGUMENT,
    errors.UnauthenticatedError: code_pb2.UNAUTHENTICATED,
    errors.PermissionDeniedError: code_pb2.PERMISSION_DENIED,
    errors.NotFoundError: code_pb2.NOT_FOUND,
    errors.AlreadyExistsError: code_pb2.ALREADY_EXISTS,
    errors.FailedPreconditionError: code_pb2.FAILED_PRECONDITION,
    errors.AbortedError: code_pb2.ABORTED,
    errors.ResourceExhaustedError: code_pb2.RESOURCE_EXHAUSTED,
    errors.UnavailableError: code_pb2.UNAVAILABLE,
    errors.UnknownOutcomeError: code_pb2.DEADLINE_EXCEEDED,
}
# A trailer above 8 kB is dropped on its way, and the caller then waits instead of mending.
_MOST_BYTES = 5_000
_CLASSES = {code: kind for kind, code in _CODES.items()}


def to_status(error: SongtorError) -> status_pb2.Status:
    """Return the error as it travels."""
    info = Any()
    info.Pack(
        error_details_pb2.ErrorInfo(
            reason=error.reason, domain=DOMAIN, metadata=dict(error.details)
        )
    )
    details = [info]
    if isinstance(error, InvalidArgumentError) and error.violations:
        bad = Any()
        bad.Pack(_bad_request(error.violations))
        details.append(bad)
    return status_pb2.Status(code=_code(error), message=error.message, details=details)


def _code(error: SongtorError) -> int:
    """Return the code of the error's family; a service's own class is one of a family."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), code_pb2.UNKNOWN)


def _bad_request(violations: Sequence[FieldViolation]) -> error_details_pb2.BadRequest:
    """Return the first violations, as many as fit: who mends these will hear of the others."""
    request = error_details_pb2.BadRequest()
    for violation in violations:
        one = error_details_pb2.BadRequest.FieldViolation(
            field=violation.field, description=violation.description, reason=violation.reason
        )
        if request.field_violations and request.ByteSize() + one.ByteSize() > _MOST_BYTES:
            break
        request.field_violations.append(one)
    return request


def from_status(status: status_pb2.Status) -> SongtorError:
    """Return the error that a status says. A code outside the family is an unknown outcome."""
    reason, metadata = "", {}
    violations: list[FieldViolation] = []
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = [
                FieldViolation(item.field, item.reason, item.description)
                for item in bad.field_violations
            ]
    kind = _CLASSES.get(status.code, errors.UnknownOutcomeError)
    if kind is InvalidArgumentError:
        return InvalidArgumentError(
            status.message,
            reason=reason or "INVALID_ARGUMENT",
            violations=violations,
            details=metadata,
        )
    return kind(status.message, reason=reason or _name(status.code), details=metadata)


def _name(code: int) -> str:
    known: Mapping[int, str] = {number: name for name, number in code_pb2.Code.items()}
    return known.get(code, f"CODE_{code}")
