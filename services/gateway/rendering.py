"""Answers as they leave: JSON, or a problem document in the asker's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from mesh import telemetry
from mesh.errors import SongtorError, UnknownOutcomeError
from services.gateway.domain import language
from services.gateway.domain.problems import problem_of
from services.gateway.reading import Headers

log = structlog.get_logger(__name__)

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def messages(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the two ASGI messages that send it."""
        headers = [
            (b"content-type", self.media_type.encode("ascii")),
            (b"content-length", b"%d" % len(self.body)),
        ]
        for name, value in self.headers.items():
            headers.append((name.lower().encode("ascii"), value.encode("ascii")))
        return (
            {"type": "http.response.start", "status": self.status, "headers": headers},
            {"type": "http.response.body", "body": self.body},
        )


def problem(error: SongtorError, headers: Headers) -> Answer:
    """Return the problem document of an error, and log that somebody got it."""
    wish = headers.get(b"accept-language", b"").decode("latin-1")
    trace_id = telemetry.trace_id()
    made = problem_of(error, language.choose(wish), trace_id)
    level = log.warning if made.status >= 500 else log.info
    level("request_refused", status=made.status, reason=error.reason, problem_trace_id=trace_id)
    body = json.dumps(made.document, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(made.status, body, PROBLEM, made.headers)


def broken(raised: Exception, headers: Headers) -> Answer:
    """Log an exception nobody foresaw and return what is said of it: that it is ours."""
    log.error("request_failed", exc_info=raised)
    return problem(UnknownOutcomeError("an error of ours", reason="INTERNAL"), headers)
