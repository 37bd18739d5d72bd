"""Cases and referrals of the case management, inside a database transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from sandbox.standins import documents, ledger
from sandbox.standins.ledger import Arrival
from sandbox.standins.script import Deed, Facts, Step

Fields: TypeAlias = dict[str, Any]

CASE = "case"
REFERRAL = "referral"
GBV_MODULE = "primeromodule-gbv"
_DECISIONS = {"accepted": "in_progress", "rejected": "in_progress", "done": "accepted"}
_DEEDS = {"accepted": Deed.ACCEPT, "rejected": Deed.DECLINE, "done": Deed.COMPLETE}


class RecordError(Exception):
    """What is answered as an `errors` document."""

    def __init__(self, status: int, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail


def create_case(tx: sqlite3.Connection, fields: Fields, user: str, now: datetime) -> Fields:
    """Open a case under the caller's id, or a new one."""
    id_ = str(fields.get("id") or uuid4())
    try:
        UUID(id_)
    except ValueError:
        raise RecordError(422, "must be a UUID", "id") from None
    if documents.get(tx, CASE, id_) is not None:
        raise RecordError(409, "Conflict")
    age = fields.get("age")
    if age is not None and not (isinstance(age, int) and 0 <= age <= 130):
        raise RecordError(422, "must be a number between 0 and 130", "age")
    case = {
        "module_id": "primeromodule-cp",
        "record_state": True,
        "status": "open",
        **fields,
        "id": id_,
        "owned_by": user,
        "case_id_display": id_.replace("-", "")[-7:],
        "created_at": ledger.stamp(now),
    }
    return save_case(tx, case, now)


def save_case(tx: sqlite3.Connection, case: Fields, now: datetime) -> Fields:
    """Write a case, touched now."""
    changed_at = documents.next_change(tx, now)
    case = {**case, "last_updated_at": changed_at}
    documents.put(tx, CASE, case["id"], case, changed_at=changed_at)
    return case


def patch_case(tx: sqlite3.Connection, id_: str, fields: Fields, now: datetime) -> Fields:
    """Change the given fields; services are matched by their unique_id."""
    case = get(tx, CASE, id_)
    services = {each["unique_id"]: each for each in case.get("services_section", [])}
    for each in fields.get("services_section", []):
        unique_id = each.setdefault("unique_id", str(uuid4()))
        services[unique_id] = {**services.get(unique_id, {}), **each}
    merged = {**case, **fields, "id": id_}
    if services:
        merged["services_section"] = list(services.values())
    return save_case(tx, merged, now)


def get(tx: sqlite3.Connection, kind: str, id_: str) -> Fields:
    """Return a record, or refuse with 404."""
    document = documents.get(tx, kind, id_)
    if document is None:
        raise RecordError(404, "Not Found")
    return document.body


def referrals_of(tx: sqlite3.Connection, case_id: str) -> list[Fields]:
    """Return a case's referrals, oldest first."""
    get(tx, CASE, case_id)
    found = [get(tx, REFERRAL, id_) for id_ in documents.labelled(tx, REFERRAL, case_id)]
    return sorted(found, key=lambda each: str(each["created_at"]))


def refer(tx: sqlite3.Connection, case_id: str, asked: Fields, user: str, now: datetime) -> Fields:
    """Refer a case to a user. Nothing here recognises the same referral sent twice."""
    case = get(tx, CASE, case_id)
    if not (asked.get("transitioned_to") or asked.get("transitioned_to_remote")):
        raise RecordError(422, "user does not exist", "transitioned_to")
    if not _has_consent(case) and asked.get("consent_overridden") is not True:
        raise RecordError(422, "consent was not given", "consent")
    service = _service(case, asked.get("service_record_id"))
    id_ = str(uuid4())
    referral = {
        **asked,
        "id": id_,
        "type": "Referral",
        "record_id": case_id,
        "record_type": "case",
        "status": "in_progress",
        "transitioned_by": user,
        "created_at": documents.next_change(tx, now),
    }
    _save_referral(tx, referral, now)
    _open_file(tx, case, referral, service, now)
    return referral


def decide(tx: sqlite3.Connection, case_id: str, id_: str, change: Fields, now: datetime) -> Fields:
    """Let the user who was referred to answer by the API instead of the script."""
    referral = get(tx, REFERRAL, id_)
    status = change.get("status")
    if status not in _DECISIONS or referral["status"] != _DECISIONS[status]:
        raise RecordError(422, f"cannot become {status} from {referral['status']}", "status")
    referral = set_status(
        tx, id_, status, now, **{k: v for k, v in change.items() if k != "status"}
    )
    file = ledger.find(tx, key=file_key(tx, referral))
    if file is not None:
        ledger.record(tx, file, Step(do=_DEEDS[status]), now)
    save_case(tx, get(tx, CASE, case_id), now)
    return referral


def revoke(tx: sqlite3.Connection, case_id: str, id_: str, now: datetime) -> Fields:
    """Take a referral back, whatever became of it."""
    referral = set_status(tx, id_, "revoked", now)
    file = ledger.find(tx, key=file_key(tx, referral))
    if file is not None:
        ledger.record(tx, file, Step(do=Deed.CONFIRM_CANCEL), now)
    save_case(tx, get(tx, CASE, case_id), now)
    return referral


def set_status(
    tx: sqlite3.Connection, id_: str, status: str, now: datetime, **fields: Any
) -> Fields:
    """Write a referral's new status."""
    referral = {
        **get(tx, REFERRAL, id_),
        **fields,
        "status": status,
        "responded_at": ledger.stamp(now),
    }
    _save_referral(tx, referral, now)
    return referral


def set_service(tx: sqlite3.Connection, referral: Fields, now: datetime, **fields: Any) -> None:
    """Write down on the case how the referred service goes, and touch the case."""
    service = {"unique_id": referral["service_record_id"], **fields}
    patch_case(tx, referral["record_id"], {"services_section": [service]}, now)


def file_key(tx: sqlite3.Connection, referral: Fields) -> str:
    """Return the ledger key of a referral: the sender's service id, unless it was used before."""
    service_id = str(referral["service_record_id"])
    first = next(
        each
        for each in referrals_of(tx, referral["record_id"])
        if each.get("service_record_id") == service_id
    )
    return service_id if first["id"] == referral["id"] else f"{service_id}#{referral['id']}"


def _save_referral(tx: sqlite3.Connection, referral: Fields, now: datetime) -> None:
    documents.put(
        tx,
        REFERRAL,
        referral["id"],
        referral,
        changed_at=documents.next_change(tx, now),
        labels=[referral["record_id"]],
    )


def _has_consent(case: Fields) -> bool:
    for_services = case.get("consent_for_services") is True
    if case["module_id"] == GBV_MODULE:
        return for_services
    return for_services and case.get("disclosure_other_orgs") is True


def _service(case: Fields, service_id: str | None) -> Fields:
    for each in case.get("services_section", []):
        if service_id and each.get("unique_id") == service_id:
            service: Fields = each
            return service
    raise RecordError(422, "is not a service of this case", "service_record_id")


def _open_file(
    tx: sqlite3.Connection, case: Fields, referral: Fields, service: Fields, now: datetime
) -> None:
    texts = (referral.get("notes", ""), service.get("service_referral_notes", ""))
    ledger.receive(
        tx,
        Arrival(
            key=file_key(tx, referral),
            reference=str(referral["service_record_id"]),
            facts=Facts(
                references=(str(referral["service_record_id"]), case["id"]),
                unit=str(referral.get("transitioned_to", "")),
                problem=str(next(iter(case.get("protection_concerns", [])), "")),
                urgency=str(case.get("risk_level", "")),
                text="\n".join(texts),
            ),
            body=referral["id"],
        ),
        now,
    )
