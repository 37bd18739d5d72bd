"""Errors travel as `google.rpc.Status` and arrive as what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.rpc import code_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from mesh import errors
from mesh.errors import FieldViolation, InvalidArgumentError, SongtorError, UnknownOutcomeError
from mesh.status import from_status, to_status

FAMILY: list[type[SongtorError]] = [
    errors.UnauthenticatedError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.AlreadyExistsError,
    errors.FailedPreconditionError,
    errors.AbortedError,
    errors.ResourceExhaustedError,
    errors.UnavailableError,
    errors.UnknownOutcomeError,
]
words = st.text(st.characters(codec="utf-8"), max_size=40)
codes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1, max_size=40)
details = st.dictionaries(words, words, max_size=4)
violations = st.lists(st.builds(FieldViolation, words, words, words), max_size=4)
plain = st.builds(
    lambda kind, message, reason, more: kind(message, reason=reason, details=more),
    st.sampled_from(FAMILY),
    words,
    codes,
    details,
)
invalid = st.builds(
    lambda message, reason, found, more: InvalidArgumentError(
        message, reason=reason, violations=found, details=more
    ),
    words,
    codes,
    violations,
    details,
)


def said(error: SongtorError) -> Mapping[str, Any]:
    return {
        "kind": type(error),
        "message": error.message,
        "reason": error.reason,
        "details": dict(error.details),
        "violations": getattr(error, "violations", ()),
    }


@given(plain | invalid)
def test_an_error_arrives_as_what_it_was(error: SongtorError) -> None:
    travelled = status_pb2.Status.FromString(to_status(error).SerializeToString())
    assert said(from_status(travelled)) == said(error)


def test_the_whole_family_can_travel() -> None:
    assert {*FAMILY, InvalidArgumentError} == set(SongtorError.__subclasses__())


class StaleVersionError(errors.FailedPreconditionError):
    """A service's own word for one member of the family."""


def test_a_services_own_error_travels_as_its_family() -> None:
    error = StaleVersionError("changed since it was read", reason="STALE_VERSION")
    arrived = from_status(to_status(error))
    assert (type(arrived), arrived.reason) == (errors.FailedPreconditionError, "STALE_VERSION")


def test_an_error_of_no_family_is_an_unknown_outcome() -> None:
    arrived = from_status(to_status(SongtorError("?", reason="ODD")))
    assert (type(arrived), arrived.reason) == (UnknownOutcomeError, "ODD")


@pytest.mark.parametrize("code", [code_pb2.INTERNAL, code_pb2.UNKNOWN, code_pb2.DATA_LOSS, 77, -1])
def test_a_code_that_we_do_not_use_is_an_unknown_outcome(code: int) -> None:
    arrived = from_status(status_pb2.Status(code=code, message="?"))
    assert isinstance(arrived, UnknownOutcomeError)
    assert arrived.reason


def test_details_of_somebody_else_are_no_reason_to_fail() -> None:
    status = status_pb2.Status(code=code_pb2.NOT_FOUND, message="?")
    status.details.add(type_url="type.googleapis.com/elsewhere.Unknown", value=b"\xff\xfe")
    assert isinstance(from_status(status), errors.NotFoundError)


def test_a_thousand_violations_still_fit_into_a_trailer() -> None:
    """Above 8 kB gRPC drops the trailer, and the caller would be told to wait and try again."""
    found = [
        FieldViolation(f"submissions[{n}].report.place.province_code", "string.pattern", "as 50")
        for n in range(1000)
    ]
    status = to_status(InvalidArgumentError("some fields", violations=found))
    assert status.ByteSize() < 6_000
    arrived = from_status(status)
    assert isinstance(arrived, InvalidArgumentError)
    assert list(arrived.violations) == found[: len(arrived.violations)]
    assert len(arrived.violations) >= 20
