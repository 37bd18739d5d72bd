"""The error family as `google.rpc.Status`, both ways."""

from __future__ import annotations

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
        bad.Pack(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field,
                        description=violation.description,
                        reason=violation.reason,
                    )
                    for violation in error.violations
                ]
            )
        )
        details.append(bad)
    return status_pb2.Status(code=_CODES[type(error)], message=error.message, details=details)


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
    return kind(status.message, reason=reason or code_pb2.Code.Name(status.code), details=metadata)
