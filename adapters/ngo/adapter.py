"""Tells a foundation, by a signed webhook, what it is asked. It answers at the hub's gateway."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from adapters.sdk import (
    AdapterSettings,
    AgencyClient,
    Delivery,
    DeliveryKind,
    Inbound,
    NotSupportedError,
    Page,
    PermanentError,
    Receipt,
    TransientError,
)
from adapters.sdk.mapping import load_map

MAP = load_map(Path(__file__).with_name("map.yaml"))
# No right yet: a secret being changed over passes. 410 is a partner that wants no more, for good.
_ASK_AGAIN = (401, 403)


class Ngo:
    """An adapter: deliver and find; the foundation's answers do not come this way."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        self._client = client
        self._clock = settings.clock()
        self._signer = Webhook(settings.agency_secret.get_secret_value())

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Post the event; its webhook-id is the delivery's, so the same again is no second one."""
        body = json.dumps(event_of(delivery), ensure_ascii=False)
        headers = signed(self._signer, delivery.delivery_id, self._clock.now(), body)
        answer = await self._client.answer(
            "POST", "webhooks", content=body.encode(), headers=headers
        )
        if answer.status_code in _ASK_AGAIN:
            raise TransientError(f"HTTP_{answer.status_code}")
        if answer.status_code >= 300:
            raise PermanentError(f"HTTP_{answer.status_code}")
        return self._receipt(delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Ask whether the webhook came, where the foundation can tell."""
        answer = await self._client.answer("GET", f"webhooks/{delivery.delivery_id}")
        if answer.status_code == 404:
            return None
        if answer.status_code >= 300:
            raise NotSupportedError
        return self._receipt(delivery)

    async def fetch(self, cursor: str) -> Page:
        """Return nothing: a foundation answers at the gateway."""
        return Page((), cursor)

    def listener(self, inbound: Inbound) -> None:  # noqa: ARG002 - the gateway listens
        """Return nothing: a foundation answers at the gateway."""
        return

    def _receipt(self, delivery: Delivery) -> Receipt:
        losses = MAP.losses(delivery) if delivery.kind is DeliveryKind.OFFER else ()
        return Receipt(delivery.delivery_id, losses=losses)


def signed(signer: Webhook, webhook_id: str, now: datetime, body: str) -> dict[str, str]:
    """Return the headers that sign `body`."""
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(webhook_id, now, body),
    }


def event_of(delivery: Delivery) -> dict[str, Any]:
    """Return the event: its type, when it was asked, and codes."""
    data: dict[str, Any] = {
        "delivery_id": delivery.delivery_id,
        "assignment_id": delivery.assignment_id,
        "referral_id": delivery.referral_id,
        "case_reference": delivery.reference,
    }
    if delivery.kind is DeliveryKind.STATUS:
        data |= {"report_id": delivery.report_id, "status": delivery.status}
    if delivery.kind is DeliveryKind.OFFER:
        data |= _details(delivery)
    return {
        "type": MAP.table("type").theirs(delivery.kind),
        "timestamp": delivery.requested_at.isoformat(),
        "data": data,
    }


def _details(delivery: Delivery) -> dict[str, Any]:
    contact = delivery.safe_contact
    return {
        "unit_id": delivery.unit_id,
        "unit_external_id": delivery.unit_external_ids.get("ngo", ""),
        "problem_type": delivery.problem_type,
        "ess_cause": delivery.ess_cause,
        "urgency": delivery.urgency,
        "silent": delivery.silent,
        "part": delivery.part,
        "province_code": delivery.province_code,
        "district_code": delivery.district_code,
        "subdistrict_code": delivery.subdistrict_code,
        "reported_at": delivery.reported_at.isoformat(),
        "people": [
            {
                "pseudonym": person.pseudonym,
                "age_band": person.age_band,
                "sex": person.sex,
                "nationality": person.nationality,
                "groups": list(person.groups),
            }
            for person in delivery.people
        ],
        "safe_contact": {
            "contact_prohibited": contact.contact_prohibited,
            "channels": list(contact.channels),
            "hours": contact.hours,
            "language": contact.language,
        },
    }
