"""The REST API's answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """What goes out; built from what a service said."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Receipt(Answer):
    """Proof that a report is stored. The same for ever under the same Idempotency-Key."""

    report_id: str
    """The report."""
    case_id: str
    """The case it opened or joined."""
    reference: str
    """The number to speak on the phone, with its check digit."""
    follow_up_code: str
    """Secret with which the reporter may ask again without a name: keep it."""
    accepted_at: datetime
    """When it was stored."""
    urgency: str
    """After screening: crisis, urgent, normal."""


class Tracked(Answer):
    """As little as keeps a reporter from worrying."""

    status: str
    """received, helping, closed."""
    status_at: datetime
    """When that became true."""


class Assignment(Answer):
    """One unit asked to take a referral."""

    assignment_id: str
    referral_id: str
    case_id: str
    unit_id: str
    agency: str
    version: int
    """Grows by one with each change."""
    state: str
    """One of the 13 states."""
    replaces: str
    rule: str
    part: str
    reason_code: str
    requested_at: datetime | None
    state_at: datetime | None


class Milestone(Answer):
    """A point reached on a referral's way."""

    kind: str
    occurred_at: datetime | None
    assignment_id: str


class Referral(Answer):
    """The intent to help with one problem of a case."""

    referral_id: str
    problem_type: str
    state: str
    part: str
    assignments: list[Assignment]
    milestones: list[Milestone]


class Referrals(Answer):
    """A case's referrals."""

    case_id: str
    referrals: list[Referral]


class Identity(Answer):
    """Who a case is about, for the agency that holds it. Never who reported."""

    people: list[IdentityPerson]
    alleged: list[IdentityPerson]
    place_text: str
    narrative: str


class IdentityPerson(Answer):
    """A person as told."""

    name: str
    id_number: str
    phone: str
    address: str
    age: int | None
    sex: str
    nationality: str
    groups: list[str]


class Notification(Answer):
    """One message to one desk by one channel."""

    recipient_id: str
    channel: str
    status: str
    status_at: datetime | None


class Alert(Answer):
    """One alert at one tier."""

    alert_id: str
    case_id: str
    reference: str
    province_code: str
    urgency: str
    kind: str
    tier: str
    ministry: str
    unit_id: str
    state: str
    breached_at: datetime | None
    opened_at: datetime | None
    acknowledged_by: str
    notifications: list[Notification]


class Alerts(Answer):
    """A page of alerts, newest first."""

    alerts: list[Alert]
    next_page_token: str
    """Empty on the last page."""


class FieldFault(Answer):
    """One field that is wrong."""

    field: str
    reason: str
    detail: str


class Problem(Answer):
    """An RFC 9457 problem document, in the language of Accept-Language."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    """Stable code of the problem."""
    next: str
    """What to do next."""
    trace_id: str
    """By which the operators find this request."""
    instance: str
    errors: list[FieldFault] = []
    current: dict[str, str] = {}
    """The present state, where it did not allow the request."""
