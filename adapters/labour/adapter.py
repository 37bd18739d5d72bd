"""Carries referrals to labour offices and reads from their list of changes how they go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.labour.soap import Soap
from adapters.labour.translation import submission, update, updates_of
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
_PAGE = 200
_ASK_AGAIN = (401, 403)
_FAULT = 500


class Labour:
    """An adapter: deliver, find, fetch."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        self._client = client
        self._soap = Soap()
        token = settings.agency_secret.get_secret_value()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Submit, or update; both are keyed, so the same again changes nothing over there."""
        if delivery.kind is not DeliveryKind.OFFER:
            told = await self._ask("UpdateStatus", update(delivery, MAP))
            return Receipt(str(told.referralId))
        taken = await self._ask("SubmitReferral", submission(delivery, MAP))
        if taken.submitKey != delivery.delivery_id:
            raise UnknownError("RECEIPT_FOR_ANOTHER")
        return Receipt(str(taken.caseNumber), losses=MAP.losses(delivery))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Ask by the key. Updates are not listed there, but sending one again is safe."""
        if delivery.kind is not DeliveryKind.OFFER:
            return None
        try:
            known = await self._ask("GetReferralStatus", {"submitKey": delivery.delivery_id})
        except PermanentError as error:
            if error.reason == "NOT_FOUND":
                return None
            raise
        return Receipt(str(known.caseNumber), losses=MAP.losses(delivery))

    async def fetch(self, cursor: str) -> Page:
        """Read the changes after a number, oldest first."""
        since = int(cursor or "0")
        page = await self._ask("ListChanges", {"since": since, "limit": _PAGE})
        updates: list[Update] = []
        strange: list[Strange] = []
        for change in page.referral:
            try:
                updates += updates_of(change, MAP)
            except PermanentError as error:
                record = str(change.caseNumber)[:200]
                strange.append(Strange(f"{record}:{change.changeNumber}", error.reason, record))
        if page.next < since:
            raise UnknownError("CHANGES_RUN_BACKWARDS")
        return Page(updates, str(page.next), bool(page.more), strange)

    def listener(self, inbound: Inbound) -> None:  # noqa: ARG002 - polled, never called
        """Return nothing: an office is asked."""
        return

    async def _ask(self, operation: str, fields: dict[str, Any]) -> Any:
        content, headers = self._soap.request(operation, fields)
        answer = await self._client.answer(
            "POST",
            "referral",
            content=content,
            headers={**self._headers, **headers},
            readable=(_FAULT,),
        )
        if answer.status_code in _ASK_AGAIN:
            raise TransientError(f"HTTP_{answer.status_code}")
        if answer.status_code not in (200, _FAULT):
            raise PermanentError(f"HTTP_{answer.status_code}")
        return self._soap.answer(operation, answer.status_code, answer.content)
