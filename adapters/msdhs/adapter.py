"""Carries referrals to the shelters' case management; hears and reads how they go."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from adapters.msdhs.session import Session
from adapters.msdhs.translation import (
    Fields,
    case_of,
    flags_of,
    losses_of,
    referral_of,
    service_of,
    updates_of,
)
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
    UnknownError,
    Update,
)
from adapters.sdk.mapping import load_map
from adapters.sdk.receiver import receiver

MAP = load_map(Path(__file__).with_name("map.yaml"))
_PAGE = 100


class Msdhs:
    """An adapter: deliver, find, fetch, and a listener for the webhook.

    The webhook is sent once and may be lost, so the list of changed cases is read as well.
    """

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        password = settings.agency_secret.get_secret_value()
        self._session = Session(client, settings.agency_user, password)
        self._callback_secret = settings.callback_secret

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Open the case, add the service, refer it: each step only if it is not done yet."""
        if delivery.kind is DeliveryKind.CANCEL:
            return await self._revoke(delivery)
        is_new = await self._session.create("cases", case_of(delivery, MAP)) is not None
        case = f"cases/{delivery.case_id}"
        if delivery.kind is DeliveryKind.STATUS:
            await self._flag(case, delivery, delivery.status)
            return Receipt(delivery.case_id)
        if not is_new:
            await self._session.patch(case, {"services_section": [service_of(delivery, MAP)]})
            known = await self.find(delivery)
            if known is not None:
                return known
        for message in flags_of(delivery, MAP):
            await self._flag(case, delivery, message)
        made = await self._session.create(f"{case}/referrals", referral_of(delivery))
        if not isinstance(made, dict) or made.get("service_record_id") != delivery.assignment_id:
            raise UnknownError("RECEIPT_FOR_ANOTHER")
        return Receipt(str(made["id"]), losses=losses_of(delivery, MAP))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look for the referral of our service on the case. A flag that was set cannot be found,
        but setting it again does no harm."""
        if delivery.kind is DeliveryKind.STATUS:
            return None
        known = await self._referral(delivery)
        if known is None or (
            delivery.kind is DeliveryKind.CANCEL and known.get("status") != "revoked"
        ):
            return None
        losses = losses_of(delivery, MAP) if delivery.kind is DeliveryKind.OFFER else ()
        return Receipt(str(known["id"]), losses=losses)

    async def fetch(self, cursor: str) -> Page:
        """Read the cases that changed, oldest change first."""
        since, seen = json.loads(cursor) if cursor else ("", {})
        changed = _rows(
            await self._session.read(
                "cases", last_updated_at=f"{since}..", per=_PAGE, order_by="last_updated_at"
            )
        )
        updates: list[Update] = []
        strange: list[Strange] = []
        for case in changed:
            if seen.get(case["id"]) != case["last_updated_at"]:
                await self._read(case["id"], updates, strange)
        newest = max((case["last_updated_at"] for case in changed), default=since)
        kept = {case["id"]: newest for case in changed if case["last_updated_at"] == newest}
        kept = {**seen, **kept} if newest == since else kept
        more = len(changed) == _PAGE and newest != since
        return Page(updates, json.dumps([newest, kept]), more, strange)

    def listener(self, inbound: Inbound) -> Any | None:
        """Return the application that takes the webhook at `/primero`."""
        if not self._callback_secret.get_secret_value():
            return None

        async def take(body: bytes) -> None:
            updates: list[Update] = []
            strange: list[Strange] = []
            await self._read(_record_id(body), updates, strange)
            await inbound.accept(updates, strange)

        return receiver("/primero", self._callback_secret, take)

    async def _read(self, case_id: str, updates: list[Update], strange: list[Strange]) -> None:
        # The case after its referrals: a service is then never older than the status it goes with,
        # and a referral that is done does not lack what was done.
        referrals = await self._session.read(f"cases/{case_id}/referrals")
        case = await self._session.read(f"cases/{case_id}")
        if case is None:
            return
        try:
            updates += updates_of(case, referrals, MAP)
        except PermanentError as error:
            # What cannot be read may not even be a case.
            at = str(case.get("last_updated_at", ""))[:64] if isinstance(case, dict) else ""
            strange.append(Strange(f"{case_id}:{at}", error.reason, case_id))

    async def _referral(self, delivery: Delivery) -> Fields | None:
        referrals = await self._session.read(f"cases/{delivery.case_id}/referrals")
        try:
            found = [
                each
                for each in referrals or []
                if each["service_record_id"] == delivery.assignment_id
            ]
        except (KeyError, TypeError):
            raise UnknownError("NOT_A_LIST") from None
        if len(found) > 1:
            raise PermanentError("REFERRAL_AMBIGUOUS")
        return found[0] if found else None

    async def _revoke(self, delivery: Delivery) -> Receipt:
        known = await self._referral(delivery)
        if known is None:
            raise PermanentError("REFERRAL_NOT_FOUND")
        if known.get("status") in ("in_progress", "accepted"):
            await self._session.delete(f"cases/{delivery.case_id}/referrals/{known['id']}")
        return Receipt(str(known["id"]))

    async def _flag(self, case: str, delivery: Delivery, message: str) -> None:
        date = delivery.requested_at.date().isoformat()
        await self._session.create(f"{case}/flags", {"date": date, "message": message})


def _rows(listed: Any) -> list[Fields]:
    """Return a list of cases, once each has an id that can stand in an address."""
    try:
        for case in listed:
            UUID(case["id"])
            datetime.fromisoformat(case["last_updated_at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UnknownError("NOT_A_LIST") from None
    return list(listed)


def _record_id(body: bytes) -> str:
    """Return which record the webhook is about, once it is an id and nothing else."""
    try:
        return str(UUID(json.loads(body)["data"]["record_id"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PermanentError("WEBHOOK_MALFORMED") from None
