"""The one family of errors. The class tells the caller what to do; `reason` tells a machine why.

Pure: the mapping to gRPC stands in `mesh.status`, the one to HTTP at the gateway. Texts are shown
to people and written to logs, so they name fields and codes, never what a person said or is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong, why (a stable code), and in plain words."""

    field: str
    reason: str
    description: str


class SongtorError(Exception):
    """Base of the family. `details` holds codes and ids that the caller needs to go on."""

    def __init__(
        self, message: str, *, reason: str, details: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.details: Mapping[str, str] = dict(details or {})


class InvalidArgumentError(SongtorError):
    """The request can never succeed as it is: mend it."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "INVALID_ARGUMENT",
        violations: Sequence[FieldViolation] = (),
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, details=details)
        self.violations = tuple(violations)


class UnauthenticatedError(SongtorError):
    """Nobody knows who asks."""


class PermissionDeniedError(SongtorError):
    """The asker is known and may not. Where existence is a secret, it is `NotFoundError` here."""


class NotFoundError(SongtorError):
    """It is not there, or not for the asker: the two look the same."""


class AlreadyExistsError(SongtorError):
    """The key was used for something else."""


class FailedPreconditionError(SongtorError):
    """The state does not allow it. Stop; `details` carries the current state."""


class AbortedError(SongtorError):
    """Somebody else was faster: read again, then decide again."""


class ResourceExhaustedError(SongtorError):
    """Too much at once: wait, then send the same again."""


class UnavailableError(SongtorError):
    """Nobody answers; nothing was done. Wait, then send the same again."""


class UnknownOutcomeError(SongtorError):
    """It may or may not have happened: ask by key, never resend under a new one."""
