"""FHIR search over the stored resources, oldest change first, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

from sandbox.standins import documents
from sandbox.standins.documents import Document
from sandbox.standins.ledger import stamp
from sandbox.standins.public_health.fhir import FhirError, Resource, has_code
from sandbox.standins.store import Store

_COMPARISONS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "eq": "="}
_FILTERS = frozenset(
    {"status", "code", "patient", "requester", "focus", "owner", "intent", "category", "subject"}
)
_PLAIN = frozenset({"_id", "identifier", "_lastUpdated", "_count", "_sort", "_include", "_after"})
_CHUNK = 500


def search(store: Store, kind: str, query: Iterable[tuple[str, str]], address: str) -> Resource:
    """Return a searchset Bundle; parameters that are not known are refused, not ignored."""
    asked = [(name, value) for name, value in query]
    for name, value in asked:
        if name.removesuffix(":identifier") not in _FILTERS | _PLAIN:
            raise FhirError(400, "not-supported", f"search parameter {name} is not known here")
        if name == "_sort" and value != "_lastUpdated":
            raise FhirError(400, "not-supported", "results come in order of _lastUpdated only")
    count = _count(asked)
    filters = [(name, value) for name, value in asked if name not in _PLAIN]
    found: list[Document] = []
    for document in _candidates(store, kind, asked):
        if all(_matches(document, name, value) for name, value in filters):
            found.append(document)
            if len(found) > count:
                break
    page = found[:count]
    links = [{"relation": "self", "url": f"{address}?{urlencode(asked)}"}]
    if len(found) > count:
        rest = [(name, value) for name, value in asked if name != "_after"]
        after = urlencode([*rest, ("_after", page[-1].changed_at)])
        links.append({"relation": "next", "url": f"{address}?{after}"})
    entries = [_entry(document, "match") for document in page]
    for wanted in ("focus", "output"):
        if ("_include", f"{kind}:{wanted}") in asked:
            entries += [_entry(document, "include") for document in _named(store, page, wanted)]
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def _count(asked: list[tuple[str, str]]) -> int:
    value = dict(asked).get("_count", "100")
    if not value.isdigit() or not 1 <= int(value) <= 1000:
        raise FhirError(400, "value", "_count is a number from 1 to 1000")
    return int(value)


def _candidates(store: Store, kind: str, asked: list[tuple[str, str]]) -> Iterator[Document]:
    where, values = ["kind = ?"], [kind]
    for name, value in asked:
        if name == "_id":
            ids = value.split(",")
            where.append(f"id IN ({','.join('?' * len(ids))})")
            values += ids
        elif name == "identifier":
            where.append("id IN (SELECT id FROM document_label WHERE kind = ? AND label = ?)")
            values += [kind, value]
        elif name == "_lastUpdated":
            prefix, instant = (value[:2], value[2:]) if value[:2] in _COMPARISONS else ("eq", value)
            where.append(f"changed_at {_COMPARISONS[prefix]} ?")
            values.append(_instant(instant))
        elif name == "_after":
            where.append("changed_at > ?")
            values.append(value)
    last = ""
    while True:
        rows = store.read(
            f"SELECT * FROM document WHERE {' AND '.join(where)} AND changed_at > ?"
            " ORDER BY changed_at LIMIT ?",
            (*values, last, _CHUNK),
        )
        yield from (documents.document_of(row) for row in rows)
        if len(rows) < _CHUNK:
            return
        last = rows[-1]["changed_at"]


def _instant(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise FhirError(400, "value", "_lastUpdated takes an instant or a date") from None
    return stamp((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC))


def _matches(document: Document, name: str, value: str) -> bool:
    if name in ("status", "intent"):
        return document.body.get(name) in value.split(",")
    if name in ("code", "category"):
        system, _, code = value.rpartition("|")
        concepts = document.body.get(name, [])
        each = concepts if isinstance(concepts, list) else [concepts]
        return any(has_code(concept, system, code) for concept in each)
    field, _, modifier = name.partition(":")
    if field == "patient":
        field = "for" if document.kind == "Task" else "subject"
    target = document.body.get(field, {})
    if modifier == "identifier":
        token = target.get("identifier", {})
        return value == f"{token.get('system', '')}|{token.get('value', '')}"
    reference = target.get("reference", "")
    return value in (reference, reference.rpartition("/")[2])


def _named(store: Store, page: Iterable[Document], field: str) -> list[Document]:
    """Return the resources that the page's Tasks name as their focus or their outputs."""
    found = []
    for task in page:
        outputs = [each.get("valueReference", {}) for each in task.body.get("output", [])]
        for named in [task.body.get("focus", {})] if field == "focus" else outputs:
            kind, _, id_ = named.get("reference", "").partition("/")
            rows = store.read("SELECT * FROM document WHERE kind = ? AND id = ?", (kind, id_))
            found += [documents.document_of(row) for row in rows]
    return found


def _entry(document: Document, mode: str) -> Resource:
    return {
        "fullUrl": f"{document.kind}/{document.id}",
        "resource": document.body,
        "search": {"mode": mode},
    }
