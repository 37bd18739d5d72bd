"""Carries referrals to a hospital's FHIR server and reads from it how they go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from adapters.public_health import outgoing, systems
from adapters.public_health.incoming import updates_of
from adapters.public_health.reading import Reading
from adapters.public_health.systems import Resource, codes_of
from adapters.sdk import (
    AdapterSettings,
    AgencyClient,
    Delivery,
    DeliveryKind,
    Inbound,
    Page,
    PermanentError,
    Receipt,
    Strange,
    TransientError,
    UnknownError,
    Update,
)
from adapters.sdk.mapping import load_map

MAP = load_map(Path(__file__).with_name("map.yaml"))
_JSON = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
_TASK = re.compile(r"(?:^|/)(Task/[A-Za-z0-9.\-]{1,64})(?:/_history/[^/]+)?$")
_CODE = re.compile(r"[a-z\-]{1,32}")
_OPEN = ("requested", "accepted", "in-progress", "on-hold")
# No right yet, or somebody changed the Task since it was read: both pass.
_ASK_AGAIN = (401, 403, 409, 412)


class PublicHealth:
    """An adapter: deliver, find, fetch."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        self._client = client
        token = settings.agency_secret.get_secret_value()
        self._headers = _JSON | ({"Authorization": f"Bearer {token}"} if token else {})

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Create, once by the delivery's identifier, or call off what was created."""
        losses = MAP.losses(delivery)
        if delivery.kind is DeliveryKind.CANCEL:
            return Receipt(await self._call_off(delivery))
        if delivery.kind is DeliveryKind.STATUS:
            token = f"identifier={systems.DELIVERY}|{delivery.delivery_id}"
            made = await self._ask(
                "POST", "Communication", outgoing.news(delivery), {"If-None-Exist": token}
            )
            return Receipt(f"Communication/{made.get('id', '')}", losses=losses)
        answer = await self._ask("POST", "", outgoing.offer(delivery, MAP))
        return Receipt(_record(answer), losses=losses)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Ask by the identifier that the create carried; a call-off shows on the Task."""
        if delivery.kind is DeliveryKind.CANCEL:
            task = await self._task_of(delivery)
            return Receipt(f"Task/{task['id']}") if _is_called_off(task) else None
        kind = "Task" if delivery.kind is DeliveryKind.OFFER else "Communication"
        found = await self._search(kind, f"{systems.DELIVERY}|{delivery.delivery_id}")
        if not found:
            return None
        return Receipt(f"{kind}/{found[0]['id']}", losses=MAP.losses(delivery))

    async def fetch(self, cursor: str) -> Page:
        """Read a page of Tasks in the order in which they changed."""
        reading = Reading.from_cursor(cursor)
        bundle = await self._ask("GET", f"Task?{reading.search()}")
        resources = _resources(bundle)
        procedures = {
            f"Procedure/{each.get('id')}": each
            for each in resources
            if each.get("resourceType") == "Procedure"
        }
        updates: list[Update] = []
        strange: list[Strange] = []
        for task in resources:
            if task.get("resourceType") != "Task":
                continue
            try:
                if reading.is_new(task):
                    resumed = reading.take(task)
                    updates += updates_of(task, procedures, MAP, resumed=resumed)
            except (KeyError, TypeError, ValueError, AttributeError):
                record = f"Task/{task.get('id')}"
                strange.append(Strange(f"{record}:{_digest(task)}", "TASK_MALFORMED", record))
        more = reading.turn_to(_next_page(bundle))
        return Page(updates, reading.cursor(), more, strange)

    def listener(self, inbound: Inbound) -> None:  # noqa: ARG002 - polled, never called
        """Return nothing: a hospital is asked."""
        return

    async def _call_off(self, delivery: Delivery) -> str:
        task = await self._task_of(delivery)
        record = f"Task/{task['id']}"
        if not _is_called_off(task) and task.get("status") in _OPEN:
            version = {"If-Match": f'W/"{task["meta"]["versionId"]}"'}
            await self._ask("PUT", record, outgoing.called_off(task), version)
        return record

    async def _task_of(self, delivery: Delivery) -> Resource:
        found = await self._search("Task", f"{systems.ASSIGNMENT}|{delivery.assignment_id}")
        if len(found) != 1:
            raise PermanentError("TASK_NOT_FOUND" if not found else "TASK_AMBIGUOUS")
        return found[0]

    async def _search(self, kind: str, token: str) -> list[Resource]:
        bundle = await self._ask("GET", f"{kind}?{urlencode({'identifier': token})}")
        return [each for each in _resources(bundle) if each.get("resourceType") == kind]

    async def _ask(
        self,
        method: str,
        address: str,
        resource: Resource | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Resource:
        """Ask the server; return the resource it answers, or class its refusal."""
        content = None if resource is None else json.dumps(resource, ensure_ascii=False).encode()
        answer = await self._client.answer(
            method, address, content=content, headers={**self._headers, **headers}
        )
        if answer.status_code in _ASK_AGAIN:
            raise TransientError(f"HTTP_{answer.status_code}")
        try:
            found: Any = json.loads(answer.content)
        except ValueError:
            raise UnknownError("NOT_JSON") from None
        if not isinstance(found, dict):
            raise UnknownError("NOT_A_RESOURCE")
        if answer.status_code >= 300:
            raise PermanentError(f"HTTP_{answer.status_code}_{_issue(found)}")
        return found


def _issue(outcome: Resource) -> str:
    """Return the code of an OperationOutcome's first issue; its text may hold a person's data."""
    issues = outcome.get("issue")
    first = issues[0] if isinstance(issues, list) and issues else {}
    code = str(first.get("code", "")) if isinstance(first, dict) else ""
    return code.upper().replace("-", "_") if _CODE.fullmatch(code) else "NO_OUTCOME"


def _record(answer: Resource) -> str:
    """Return the Task that a transaction's answer names last; without it nothing is certain."""
    entries = answer.get("entry")
    last = entries[-1] if isinstance(entries, list) and entries else {}
    response = last.get("response", {}) if isinstance(last, dict) else {}
    found = _TASK.search(str(response.get("location", "")))
    if found is None:
        raise UnknownError("RECEIPT_UNREADABLE")
    return found[1]


def _resources(bundle: Resource) -> list[Resource]:
    entries = bundle.get("entry", [])
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
        raise UnknownError("NOT_A_BUNDLE")
    found = [each.get("resource") for each in entries if isinstance(each, dict)]
    return [each for each in found if isinstance(each, dict)]


def _next_page(bundle: Resource) -> str:
    links = bundle.get("link", [])
    known = [each for each in links if isinstance(each, dict)] if isinstance(links, list) else []
    return next((str(each.get("url", "")) for each in known if each.get("relation") == "next"), "")


def _is_called_off(task: Resource) -> bool:
    wished = codes_of(task.get("businessStatus"), systems.BUSINESS_STATUS)
    return task.get("status") == "cancelled" or systems.CANCELLATION_REQUESTED in wished


def _digest(task: Resource) -> str:
    return sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()[:16]
