"""Routing's own tables, as its migrations make them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

metadata = sa.MetaData()

_UUID, _TEXT, _BYTES = sa.Uuid(), sa.Text(), sa.LargeBinary()
_INT, _SMALL, _BIG, _BOOL = sa.Integer(), sa.SmallInteger(), sa.BigInteger(), sa.Boolean()
_AT, _JSON = sa.DateTime(timezone=True), JSONB()


def _table(name: str, **columns: TypeEngine[Any]) -> sa.Table:
    return sa.Table(name, metadata, *[sa.Column(key, kind) for key, kind in columns.items()])


routed_case = _table(
    "routed_case",
    case_id=_UUID,
    reference=_TEXT,
    province_code=_TEXT,
    sender=_TEXT,
    hears=_TEXT,
    reported_at=_AT,
    routed_at=_AT,
    facts=_BYTES,
)
referral = _table(
    "referral",
    referral_id=_UUID,
    case_id=_UUID,
    problem_type=_TEXT,
    track=_SMALL,
    part=_TEXT,
    state=_TEXT,
    opened_at=_AT,
    state_at=_AT,
)
assignment = _table(
    "assignment",
    assignment_id=_UUID,
    referral_id=_UUID,
    case_id=_UUID,
    problem_type=_TEXT,
    track=_SMALL,
    part=_TEXT,
    unit_id=_TEXT,
    agency=_TEXT,
    adapter=_TEXT,
    ministry=_TEXT,
    unit_province=_TEXT,
    province_code=_TEXT,
    state=_TEXT,
    state_before=_TEXT,
    open=_BOOL,
    version=_INT,
    rule=_TEXT,
    replaces=_UUID,
    may_decline=_BOOL,
    reason_code=_TEXT,
    requested_at=_AT,
    state_at=_AT,
    acted_at=_AT,
    held=_SMALL,
)
assignment_change = _table(
    "assignment_change",
    assignment_id=_UUID,
    version=_INT,
    state_from=_TEXT,
    state_to=_TEXT,
    action=_TEXT,
    role=_TEXT,
    agency=_TEXT,
    actor=_TEXT,
    reason_code=_TEXT,
    outcomes=_JSON,
    unconfirmed=_BOOL,
    occurred_at=_AT,
    recorded_at=_AT,
)
data_version = _table(
    "data_version",
    versions_id=_UUID,
    registry_version=_BIG,
    registry_digest=_TEXT,
    policy_digest=_TEXT,
    policy_versions=_JSON,
)
decision = _table(
    "decision",
    decision_id=_UUID,
    referral_id=_UUID,
    rule=_TEXT,
    reason=_TEXT,
    candidates=_JSON,
    fallback_chain=_JSON,
    question=_JSON,
    versions_id=_UUID,
    decided_at=_AT,
)
milestone = _table(
    "milestone",
    referral_id=_UUID,
    kind=_TEXT,
    assignment_id=_UUID,
    occurred_at=_AT,
    recorded_at=_AT,
    actor=_TEXT,
    how=_TEXT,
)
case_counter = _table("case_counter", case_id=_UUID, agency=_TEXT, last=_INT)
delivery = _table(
    "delivery",
    delivery_id=_UUID,
    assignment_id=_UUID,
    case_id=_UUID,
    agency=_TEXT,
    kind=_TEXT,
    status=_TEXT,
    case_seq=_INT,
    state=_TEXT,
    created_at=_AT,
    state_at=_AT,
    next_offer_at=_AT,
    offers=_SMALL,
    reason_code=_TEXT,
    agency_record_id=_TEXT,
)
held_update = _table(
    "held_update",
    update_id=_UUID,
    assignment_id=_UUID,
    agency=_TEXT,
    payload=_BYTES,
    waiting=_BOOL,
    outcome=_TEXT,
    received_at=_AT,
    alarm_at=_AT,
)
act_key = _table(
    "act_key",
    agency=_TEXT,
    idempotency_key=_TEXT,
    digest=_BYTES,
    answer=_BYTES,
    acted_at=_AT,
)
