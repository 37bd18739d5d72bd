"""Every error becomes a document that says what, why and what next, and quotes nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mesh import errors
from mesh.errors import FieldViolation, InvalidArgumentError, SongtorError
from services.gateway import reading
from services.gateway.domain import problems, texts
from services.gateway.domain.problems import problem_of, status_of

ROOT = Path(__file__).resolve().parents[3]
FAMILY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, SongtorError) and kind is not SongtorError
]


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("language", ["th", "en"])
def test_every_error_of_the_family_is_a_complete_document(
    kind: type[SongtorError], language: str
) -> None:
    problem = problem_of(kind("said by a service", reason="SOMETHING"), language, "t" * 32)
    assert problem.status == problem.document["status"]
    assert 400 <= problem.status < 600
    for member in ("type", "title", "detail", "next", "reason", "trace_id", "instance"):
        assert problem.document[member]
    assert "said by a service" not in str(problem.document)
    assert problem.headers["Content-Language"] == language


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidArgumentError("x", reason="MALFORMED_JSON"), 400),
        (errors.InvalidArgumentError("x", reason="MISSING_IDEMPOTENCY_KEY"), 400),
        (errors.UnauthenticatedError("x", reason="UNKNOWN_KEY"), 401),
        (errors.PermissionDeniedError("x", reason="DOOR_CLOSED"), 403),
        (errors.NotFoundError("x", reason="NO_SUCH_REPORT"), 404),
        (errors.InvalidArgumentError("x", reason="METHOD_NOT_ALLOWED"), 405),
        (errors.FailedPreconditionError("x", reason="ILLEGAL_MOVE"), 409),
        (errors.AbortedError("x", reason="STALE_VERSION"), 409),
        (errors.AlreadyExistsError("x", reason="REPORT_ID_TAKEN"), 409),
        (errors.InvalidArgumentError("x", reason="BODY_TOO_LARGE"), 413),
        (errors.InvalidArgumentError("x", reason="UNSUPPORTED_MEDIA_TYPE"), 415),
        (errors.AlreadyExistsError("x", reason="IDEMPOTENCY_KEY_REUSED"), 422),
        (errors.InvalidArgumentError("x"), 422),
        (errors.ResourceExhaustedError("x", reason="QUEUE_FULL"), 429),
        (errors.UnknownOutcomeError("x", reason="INTERNAL"), 500),
        (errors.UnavailableError("x", reason="SERVICE_UNAVAILABLE"), 503),
        (errors.UnknownOutcomeError("x", reason="DEADLINE_EXCEEDED"), 504),
    ],
)
def test_statuses(error: SongtorError, status: int) -> None:
    assert status_of(error) == status


@pytest.mark.parametrize("kind", [errors.ResourceExhaustedError, errors.UnavailableError])
def test_who_should_come_again_is_told_when(kind: type[SongtorError]) -> None:
    assert problem_of(kind("x", reason="X"), "th", "t").headers["Retry-After"] == "1"


def test_a_conflict_carries_the_present_state() -> None:
    error = errors.FailedPreconditionError(
        "no", reason="ILLEGAL_MOVE", details={"state": "declined", "version": "4"}
    )
    assert problem_of(error, "en", "t").document["current"] == {"state": "declined", "version": "4"}


def test_faults_are_told_by_field_in_the_askers_language() -> None:
    error = InvalidArgumentError(
        "x", violations=[FieldViolation("place.province_code", "UNKNOWN_PROVINCE", "raw words")]
    )
    (thai,) = problem_of(error, "th", "t").document["errors"]
    (english,) = problem_of(error, "en", "t").document["errors"]
    assert thai["field"] == english["field"] == "place.province_code"
    assert "จังหวัด" in thai["detail"]
    assert english["detail"] == "No province has this code."


@pytest.mark.parametrize(
    ("rule", "reason"),
    [("string.max_len", "TOO_LONG"), ("repeated.unique", "TWICE"), ("cel.custom", "INVALID")],
)
def test_a_rule_of_the_contract_is_told_as_one_of_our_reasons(rule: str, reason: str) -> None:
    error = InvalidArgumentError("x", violations=[FieldViolation("f", rule, "raw")])
    assert problem_of(error, "en", "t").document["errors"][0]["reason"] == reason


def test_every_reason_a_field_can_have_has_words() -> None:
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "services/intake/domain").glob("a*.py"))
    )
    reasons = set(re.findall(r'"([A-Z][A-Z_]{5,})"', source))
    assert len(reasons) >= 15
    assert reasons <= texts.FIELDS.keys()
    assert set(reading._REASONS.values()) <= texts.FIELDS.keys()
    assert set(problems._RULES.values()) <= texts.FIELDS.keys()


def test_all_words_are_in_both_languages() -> None:
    every = [*texts.FIELDS.values()]
    for words in texts.WORDS.values():
        every += [words.title, words.detail, words.next]
    for text in every:
        assert re.search("[\u0e00-\u0e7f]", text.th)
        assert not re.search("[\u0e00-\u0e7f]", text.en)
