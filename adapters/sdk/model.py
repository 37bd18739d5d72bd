"""The canonical words an adapter translates from and to. No agency's standard is named here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class DeliveryKind(StrEnum):
    """What is to be carried."""

    OFFER = "offer"
    CANCEL = "cancel"
    STATUS = "status"


class Action(StrEnum):
    """What an agency's system may tell us that it did."""

    RECEIVE = "receive"
    ACCEPT = "accept"
    DECLINE = "decline"
    START = "start"
    HOLD = "hold"
    COMPLETE = "complete"
    FAIL = "fail"
    CONFIRM_CANCEL = "confirm_cancel"
    REFUSE_CANCEL = "refuse_cancel"
    TRANSFER = "transfer"
    RECORD_REACHED = "record_reached"


@dataclass(frozen=True, slots=True)
class Person:
    """A person in need before acceptance: no name, no number, no address."""

    pseudonym: str
    age_band: str
    sex: str
    nationality: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SafeContact:
    """How the person may be reached. `contact_prohibited` must reach every agency."""

    contact_prohibited: bool
    channels: tuple[str, ...]
    hours: str
    language: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to carry into the agency's system, once, in order within its case.

    `delivery_id` is the idempotency key to give to the agency. `unit_external_ids` names the unit
    in the agency's own codes. `status` is set for DeliveryKind.STATUS alone.
    """

    delivery_id: str
    kind: DeliveryKind
    case_id: str
    case_seq: int
    assignment_id: str
    referral_id: str
    reference: str
    report_id: str
    problem_type: str
    ess_cause: str
    urgency: str
    silent: bool
    unit_id: str
    unit_name: str
    unit_external_ids: Mapping[str, str]
    province_code: str
    district_code: str
    subdistrict_code: str
    latitude: float | None
    longitude: float | None
    people: tuple[Person, ...]
    need_summary: str
    safe_contact: SafeContact
    part: str
    status: str
    requested_at: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that the agency's system stored a delivery.

    `losses` names our fields that its system has no place for: recorded, never put into free text.
    """

    agency_record_id: str
    received_at: datetime | None = None
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Something the agency's system did.

    `source_id` is unique within the agency for ever: the same news again has the same one. Either
    `assignment_id` or `agency_record_id` says what it is about; with the record id alone the SDK
    looks the assignment up in its ledger. `reason_code` and `outcomes` are our codes.
    """

    source_id: str
    action: Action
    occurred_at: datetime
    assignment_id: str = ""
    agency_record_id: str = ""
    reason_code: str = ""
    outcomes: tuple[str, ...] = ()
    reached_by: str = ""
    actor: str = ""
    losses: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Strange:
    """Something of the agency's that could not be understood: quarantined for a person.

    `reason` is a short code; nothing of what the agency wrote goes with it but its record's id.
    """

    source_id: str
    reason: str
    agency_record_id: str = ""
