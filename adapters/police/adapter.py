"""Carries referrals to the police as EIDOs and hears from them how they go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapters.police.incoming import parse, updates_of
from adapters.police.outgoing import eido_of
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
from adapters.sdk.receiver import receiver

MAP = load_map(Path(__file__).with_name("map.yaml"))
_ASK_AGAIN = (401, 403)


class Police:
    """An adapter: deliver, find, and a listener for what they push."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        self._client = client
        self._callback_secret = settings.callback_secret
        self._is_pushed_to = bool(settings.callback_secret.get_secret_value())
        token = settings.agency_secret.get_secret_value()
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Post the EIDO; the same one again changes nothing over there."""
        eido = eido_of(delivery, MAP)
        content = json.dumps(eido, ensure_ascii=False).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        answer = await self._client.answer("POST", "EIDO", content=content, headers=headers)
        if answer.status_code in _ASK_AGAIN:
            raise TransientError(f"HTTP_{answer.status_code}")
        if answer.status_code >= 300:
            raise PermanentError(f"HTTP_{answer.status_code}")
        losses = MAP.losses(delivery) if delivery.kind is DeliveryKind.OFFER else ()
        return Receipt(eido["$id"], losses=losses)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Ask whether the incident is known. News and call-offs are not listed there, but the same
        EIDO again is no second one, so sending it again is safe."""
        if delivery.kind is not DeliveryKind.OFFER:
            return None
        incident = eido_of(delivery, MAP)["$id"]
        address = f"EIDO/{quote(incident, safe='')}"
        answer = await self._client.answer("GET", address, headers=self._headers)
        if answer.status_code == 404:
            return None
        if answer.status_code >= 300:
            raise UnknownError(f"HTTP_{answer.status_code}")
        return Receipt(incident, losses=MAP.losses(delivery))

    async def fetch(self, cursor: str) -> Page:
        """Read the list of changes, where the police do not push."""
        if self._is_pushed_to:
            return Page((), cursor)
        address = f"EIDO?since={quote(cursor, safe='')}"
        answer = await self._client.send("GET", address, headers=self._headers)
        try:
            page: Any = json.loads(answer.content)
            eidos, following, more = list(page["eidos"]), str(page["next"]), bool(page["more"])
        except (ValueError, KeyError, TypeError):
            raise UnknownError("NOT_A_PAGE") from None
        updates: list[Update] = []
        strange: list[Strange] = []
        for eido in eidos:
            _sort(eido, updates, strange)
        return Page(updates, following, more, strange)

    def listener(self, inbound: Inbound) -> Any | None:
        """Return the application that takes what the police push to `/eido`."""
        if not self._is_pushed_to:
            return None

        async def take(body: bytes) -> None:
            updates: list[Update] = []
            strange: list[Strange] = []
            _sort(parse(body), updates, strange)
            await inbound.accept(updates, strange)

        return receiver("/eido", self._callback_secret, take)


def _sort(eido: Any, updates: list[Update], strange: list[Strange]) -> None:
    """Add what an EIDO tells; one that cannot be understood waits for a person."""
    try:
        updates += updates_of(parse(json.dumps(eido).encode()), MAP)
    except PermanentError as error:
        record = str(eido.get("$id", "")) if isinstance(eido, dict) else ""
        at = str(eido.get("lastUpdateTimeStamp", "")) if isinstance(eido, dict) else ""
        strange.append(Strange(f"{record}:{at}"[:300], error.reason, record[:200]))
