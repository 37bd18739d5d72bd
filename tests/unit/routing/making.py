"""Cases and assignments in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from directory.model import Place
from policies.reader import load
from services.routing.domain.lifecycle import Rules
from services.routing.domain.model import Act, Action, Actor, Assignment, CaseFacts, State

POLICIES = load()
# A Tuesday, 10:00 in Bangkok: offices are open.
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
RULES = Rules(POLICIES.reasons, cancel_wait=timedelta(hours=24))
_SPACE = UUID("00000000-0000-4000-8000-000000000000")
REASONS = {
    Action.DECLINE: "no_capacity",
    Action.REFUSE_CANCEL: "already_served",
    Action.HOLD: "waiting_court",
    Action.FAIL: "not_found",
    Action.CANCEL: "duplicate",
    Action.REQUEST_CANCEL: "duplicate",
}


def an_id(name: str) -> UUID:
    """Return the same id for the same name."""
    return uuid5(_SPACE, name)


def facts(*problems: str, **fields: Any) -> CaseFacts:
    """Return a case in Chiang Mai, told at a walk-in door."""
    given: dict[str, Any] = {
        "case_id": an_id("case"),
        "reference": "SGT-0001-1",
        "place": Place.of("500101", (18.79, 98.98)),
        "problem_types": problems or ("violence",),
        "ess_cause": None,
        "urgency": "normal",
        "channel": "walk_in",
        "kind": "incident",
        "languages": (),
        "excluded": frozenset(),
        "reported_at": NOW,
        "report_id": str(an_id("report")),
        "reporting_agency": "",
        "receiving_unit_id": "",
    }
    return CaseFacts(**{**given, **fields})


def assignment(state: State = State.REQUESTED, **fields: Any) -> Assignment:
    """Return an assignment of a hospital, offered just now."""
    given: dict[str, Any] = {
        "assignment_id": an_id("assignment"),
        "referral_id": an_id("referral"),
        "case_id": an_id("case"),
        "problem_type": "unready_pregnancy",
        "track": 0,
        "part": "lead",
        "unit_id": "HOSPITAL-1",
        "agency": "public_health",
        "adapter": "public_health",
        "ministry": "public_health",
        "unit_province": "50",
        "state": state,
        "version": 3,
        "rule": "pregnancy",
        "replaces": None,
        "may_decline": True,
        "requested_at": NOW,
        "state_at": NOW,
        "state_before": State.IN_PROGRESS if state is State.CANCEL_REQUESTED else None,
    }
    return Assignment(**{**given, **fields})


def act(action: Action, role: Actor = Actor.TARGET, **fields: Any) -> Act:
    """Return an act with all that it needs: its reason, its outcome."""
    given: dict[str, Any] = {
        "assignment_id": an_id("assignment"),
        "agency": "public_health",
        "actor": "nurse-7",
        "reason_code": REASONS.get(action, ""),
        "outcomes": ("helped",) if action is Action.COMPLETE else (),
    }
    return Act(action=action, role=role, **{**given, **fields})
