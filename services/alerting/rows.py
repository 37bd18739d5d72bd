"""Rows to values of the domain and back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from mesh.database import Row, Values
from policies.model import EscalationPolicy
from services.alerting.domain.alerts import (
    Alert,
    AlertEvent,
    Deadline,
    Notice,
    from_record,
    to_record,
)
from services.alerting.domain.case import Case, Holder
from services.alerting.domain.clocks import CaseClock, ClockEvent
from services.alerting.domain.recipients import Audience

_TICK = timedelta(microseconds=1)
"""What a length is stored in: exact, so that nothing falls due early by a rounding."""


_policies: dict[tuple[str, str], EscalationPolicy] = {}
"""By id and stamp, which holds the digest of the file that it was read from."""


def _policy(row: Row) -> EscalationPolicy:
    key = row["policy_id"], row["policy_stamp"]
    found = _policies.get(key)
    if found is None:
        found = _policies[key] = from_record(row["policy"])
    return found


@lru_cache(maxsize=256)
def _of_policy(policy: EscalationPolicy) -> str:
    return json.dumps(to_record(policy))


@lru_cache(maxsize=512)
def _of_codes(codes: tuple[Any, ...]) -> str:
    return json.dumps(codes)


def case(row: Row) -> Case:
    return Case(
        case_id=row["case_id"],
        reference=row["reference"],
        province=row["province"],
        problem_types=tuple(row["problem_types"]),
        ess_cause=row["ess_cause"],
        urgency=row["urgency"],
        silent=row["silent"],
        excluded=frozenset(row["excluded"]),
        reported_at=row["reported_at"],
        reached_at=row["reached_at"],
        closed_at=row["closed_at"],
    )


def of_case(value: Case) -> Values:
    return {
        "case_id": value.case_id,
        "reference": value.reference,
        "province": value.province,
        "problem_types": _of_codes(value.problem_types),
        "ess_cause": value.ess_cause,
        "urgency": value.urgency,
        "silent": value.silent,
        "excluded": _of_codes(tuple(sorted(value.excluded))),
        "reported_at": value.reported_at,
        "reached_at": value.reached_at,
        "closed_at": value.closed_at,
    }


def holder(row: Row) -> Holder:
    return Holder(
        row["assignment_id"],
        row["case_id"],
        row["unit_id"],
        row["agency"],
        row["ministry"],
        row["part"],
        row["state"],
        row["version"],
        row["requested_at"],
    )


def of_holder(value: Holder) -> Values:
    return {
        "assignment_id": value.assignment_id,
        "case_id": value.case_id,
        "unit_id": value.unit_id,
        "agency": value.agency,
        "ministry": value.ministry,
        "part": value.part,
        "state": value.state,
        "version": value.version,
        "requested_at": value.requested_at,
    }


def clock(row: Row) -> CaseClock:
    return CaseClock(
        clock_id=row["clock_id"],
        case_id=row["case_id"],
        assignment_id=row["assignment_id"],
        step=row["step"],
        frame_id=row["frame_id"],
        calendar=row["calendar"],
        budget=row["budget_us"] * _TICK,
        warn=tuple(row["warn"]),
        used=row["used_us"] * _TICK,
        running_since=row["running_since"],
        stopped_at=row["stopped_at"],
        gen=row["gen"],
        breached=row["breached"],
    )


def of_clock(value: CaseClock) -> Values:
    return {
        "clock_id": value.clock_id,
        "case_id": value.case_id,
        "assignment_id": value.assignment_id,
        "step": value.step,
        "frame_id": value.frame_id,
        "calendar": value.calendar,
        "budget_us": value.budget // _TICK,
        "warn": _of_codes(value.warn),
        "used_us": value.used // _TICK,
        "running_since": value.running_since,
        "stopped_at": value.stopped_at,
        "gen": value.gen,
        "breached": value.breached,
    }


def clock_event(row: Row) -> ClockEvent:
    return ClockEvent(
        row["clock_id"],
        row["gen"],
        row["at"],
        row["op"],
        row["reason"],
        row["frame_id"],
        row["calendar"],
        row["budget_us"] * _TICK,
    )


def of_clock_event(value: ClockEvent, now: datetime) -> Values:
    return {
        "clock_id": value.clock_id,
        "gen": value.gen,
        "at": value.at,
        "op": value.op,
        "reason": value.reason,
        "frame_id": value.frame_id,
        "calendar": value.calendar,
        "budget_us": value.budget // _TICK,
        "recorded_at": now,
    }


def deadline(row: Row) -> Deadline:
    return Deadline(
        row["owner"],
        row["case_id"],
        row["purpose"],
        row["stage"],
        row["gen"],
        row["due_at"],
        row["rank"],
        row["breach_at"],
    )


def of_deadline(value: Deadline) -> Values:
    return {
        "owner": value.owner,
        "case_id": value.case_id,
        "purpose": value.purpose,
        "stage": value.stage,
        "gen": value.gen,
        "due_at": value.due_at,
        "rank": value.rank,
        "breach_at": value.breach_at,
    }


def alert(row: Row) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        case_id=row["case_id"],
        policy=_policy(row),
        policy_stamp=row["policy_stamp"],
        kind=row["kind"],
        cause=row["cause"],
        audience=Audience(row["tier"], row["ministry"], row["unit_id"]),
        state=row["state"],
        breached_at=row["breached_at"],
        opened_at=row["opened_at"],
        step=row["step"],
        round=row["round"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        note=row["note"],
        resolved_at=row["resolved_at"],
        resolution=row["resolution"],
        snoozed_until=row["snoozed_until"],
    )


def of_alert(value: Alert) -> Values:
    return {
        "alert_id": value.alert_id,
        "case_id": value.case_id,
        "policy_id": value.policy.id,
        "policy": _of_policy(value.policy),
        "policy_stamp": value.policy_stamp,
        "kind": value.kind,
        "cause": value.cause,
        "tier": value.audience.tier,
        "ministry": value.audience.ministry,
        "unit_id": value.audience.unit_id,
        "state": value.state,
        "breached_at": value.breached_at,
        "opened_at": value.opened_at,
        "step": value.step,
        "round": value.round,
        "acknowledged_at": value.acknowledged_at,
        "acknowledged_by": value.acknowledged_by,
        "note": value.note,
        "resolved_at": value.resolved_at,
        "resolution": value.resolution,
        "snoozed_until": value.snoozed_until,
    }


def of_alert_event(value: AlertEvent) -> Values:
    return {
        "alert_id": value.alert_id,
        "at": value.at,
        "what": value.what,
        "actor": value.actor,
        "detail": value.detail,
    }


def of_notice(value: Notice) -> Values:
    return {
        "notification_id": value.notification_id,
        "alert_id": value.alert_id,
        "case_id": value.case_id,
        "step": value.step,
        "round": value.round,
        "recipient_id": value.recipient_id,
        "channel": value.channel,
        "address": value.address,
        "rank": value.rank,
        "resend_unknown": value.resend_unknown,
        "status": "waiting" if value.paced else "pending",
        "status_at": value.created_at,
        "attempts": 0,
        "next_try_at": value.created_at,
        "leased_until": None,
        "history": "[]",
        "created_at": value.created_at,
    }
