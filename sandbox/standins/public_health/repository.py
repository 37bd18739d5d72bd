"""Create, update and bundle transactions of the FHIR server, inside a database transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from uuid import uuid4

from sandbox.standins import documents
from sandbox.standins.documents import Document
from sandbox.standins.ledger import Arrival, ask_to_cancel, find, receive, record, take_news
from sandbox.standins.public_health import fhir
from sandbox.standins.public_health.fhir import FhirError, Resource
from sandbox.standins.script import Deed, Facts, Step

Created = tuple[Document, bool]


def create(
    tx: sqlite3.Connection, resource: Resource, if_none_exist: str, now: datetime
) -> Created:
    """Store a new resource, or find the one that `if_none_exist` names; return whether new."""
    kind = str(resource.get("resourceType"))
    known = match(tx, kind, if_none_exist) if if_none_exist else None
    if known is not None:
        if kind == "Task":
            _arrived(tx, known.body, key_of(if_none_exist), now)
        if kind == "Communication":
            take_news(tx, key_of(if_none_exist), "", "", now)
        return known, False
    return _store_new(tx, resource, uuid4().hex, if_none_exist, now), True


def _store_new(
    tx: sqlite3.Connection, resource: Resource, id_: str, if_none_exist: str, now: datetime
) -> Document:
    kind = str(resource.get("resourceType"))
    fhir.check(resource, kind)
    if kind == "Task":
        fhir.check_new_task(resource)
    stored = save(tx, {**resource, "id": id_}, now)
    key = key_of(if_none_exist) or f"{kind}/{id_}"
    if kind == "Task":
        _arrived(tx, stored.body, key, now)
    if kind == "Communication":
        about = [each.get("identifier", {}).get("value", "") for each in resource.get("about", [])]
        take_news(tx, key, "".join(about[:1]), fhir.first_code(resource.get("topic")), now)
    return stored


def save(tx: sqlite3.Connection, resource: Resource, now: datetime) -> Document:
    """Write a resource as its next version, with the server's own meta."""
    kind, id_ = resource["resourceType"], resource["id"]
    known = documents.get(tx, kind, id_)
    changed_at = documents.next_change(tx, now)
    version = 1 if known is None else known.version + 1
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": changed_at}
    body = {**resource, "meta": meta}
    return documents.put(tx, kind, id_, body, changed_at=changed_at, labels=fhir.tokens(resource))


def match(tx: sqlite3.Connection, kind: str, if_none_exist: str) -> Document | None:
    """Return the one resource that a conditional create names, or None."""
    name, _, token = if_none_exist.partition("=")
    if name != "identifier" or "|" not in token:
        raise FhirError(400, "not-supported", "If-None-Exist: identifier=system|value only")
    ids = documents.labelled(tx, kind, token)
    if len(ids) > 1:
        raise FhirError(412, "multiple-matches", f"{len(ids)} resources match {name}")
    return documents.get(tx, kind, ids[0]) if ids else None


def key_of(if_none_exist: str) -> str:
    """Return the value that a conditional create asks for: the sender's idempotency key."""
    return if_none_exist.rpartition("|")[2]


def update(
    tx: sqlite3.Connection, resource: Resource, id_: str, if_match: str, now: datetime
) -> Document:
    """Apply a requester's update."""
    kind = str(resource.get("resourceType"))
    known = documents.get(tx, kind, id_)
    if known is None:
        raise FhirError(404, "not-found", f"no {kind} with this id")
    if resource.get("id") != id_:
        raise FhirError(400, "value", "the id in the body is not that of the address")
    if if_match and if_match.strip('W/"') != str(known.version):
        raise FhirError(412, "conflict", f"the current version is {known.version}")
    fhir.check(resource, kind)
    if kind != "Task":
        return save(tx, resource, now)
    fhir.check_requesters_change(known.body, resource)
    stored = save(tx, resource, now)
    _called_off(tx, known.body, stored.body, now)
    return stored


def transact(tx: sqlite3.Connection, bundle: Resource, now: datetime) -> Resource:
    """Apply a transaction Bundle: all of it, or nothing."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise FhirError(400, "value", "only a transaction Bundle is taken here", "Bundle.type")
    entries = bundle.get("entry", [])
    placed = [_place(tx, entry) for entry in entries]
    addresses = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{id_}"
        for entry, (id_, _) in zip(entries, placed, strict=True)
        if "fullUrl" in entry
    }
    answers = []
    for entry, (id_, is_known) in zip(entries, placed, strict=True):
        resource = entry["resource"]
        for reference in fhir.references(resource):
            reference["reference"] = addresses.get(reference["reference"], reference["reference"])
        if_none_exist = entry["request"].get("ifNoneExist", "")
        if is_known:
            stored, _ = create(tx, resource, if_none_exist, now)
        else:
            stored = _store_new(tx, resource, id_, if_none_exist, now)
        answers.append(_answer(stored, created=not is_known))
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}


def _place(tx: sqlite3.Connection, entry: Resource) -> tuple[str, bool]:
    """Return the id that an entry's resource will have, and whether it is there already."""
    request = entry.get("request", {})
    resource = entry.get("resource", {})
    kind = str(resource.get("resourceType"))
    if request.get("method") != "POST" or request.get("url") != kind:
        raise FhirError(400, "not-supported", "a transaction here only creates")
    known = match(tx, kind, request["ifNoneExist"]) if request.get("ifNoneExist") else None
    return (uuid4().hex, False) if known is None else (known.id, True)


def _answer(stored: Document, *, created: bool) -> Resource:
    return {
        "response": {
            "status": "201 Created" if created else "200 OK",
            "location": f"{stored.kind}/{stored.id}/_history/{stored.version}",
            "etag": f'W/"{stored.version}"',
            "lastModified": stored.changed_at,
        }
    }


def _arrived(tx: sqlite3.Connection, task: Resource, key: str, now: datetime) -> None:
    """Open the referral's file, or count that it came again."""
    focus = task["focus"].get("reference", "").partition("/")
    order = documents.get(tx, "ServiceRequest", focus[2])
    request: Resource = order.body if order is not None else {}
    reasons = [each.get("text", "") for each in request.get("reasonCode", [])]
    owner = task.get("owner", {})
    receive(
        tx,
        Arrival(
            key=key,
            reference=fhir.numbered(task, "PLAC") or key,
            facts=Facts(
                references=tuple(token.partition("|")[2] for token in fhir.tokens(task)),
                unit=owner.get("identifier", {}).get("value", owner.get("reference", "")),
                problem=fhir.first_code(request.get("code")),
                urgency=task.get("priority", ""),
                text="\n".join(reasons),
            ),
            body=task["id"],
        ),
        now,
    )


def _called_off(tx: sqlite3.Connection, before: Resource, after: Resource, now: datetime) -> None:
    """Take note that the requester ended the Task, or asks the hospital to end it."""
    referral = find(tx, reference=fhir.numbered(after, "PLAC"))
    if referral is None:
        return
    if after["status"] != before["status"] and after["status"] in ("cancelled", "entered-in-error"):
        record(tx, referral, Step(do=Deed.CONFIRM_CANCEL), now)
    elif _asks_to_cancel(after) and not _asks_to_cancel(before):
        ask_to_cancel(tx, referral, now)


def _asks_to_cancel(task: Resource) -> bool:
    status = task.get("businessStatus")
    return fhir.has_code(status, fhir.BUSINESS_STATUS, fhir.CANCELLATION_REQUESTED)
