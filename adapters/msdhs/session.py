"""Signed in at the case management: a token of an hour, asked for again when it has run out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from adapters.msdhs.translation import Fields
from adapters.sdk import AgencyClient, PermanentError, TransientError, UnknownError

_NO_RIGHT = 401
_CONFLICT = 409
_NOT_FOUND = 404


class Session:
    """Asks the API, and classes its refusals."""

    def __init__(self, client: AgencyClient, user: str, password: str) -> None:
        self._client = client
        self._login = {"user": {"user_name": user, "password": password}}
        self._token = ""

    async def create(self, address: str, data: Fields) -> Any:
        """Create; return what was created, or None where it is there already."""
        return await self._ask("POST", address, data, absent=_CONFLICT)

    async def patch(self, address: str, data: Fields) -> Any:
        """Change the given fields."""
        return await self._ask("PATCH", address, data)

    async def delete(self, address: str) -> Any:
        """Take back."""
        return await self._ask("DELETE", address)

    async def read(self, address: str, **query: str | int) -> Any:
        """Return what is there, or None."""
        asked = f"{address}?{urlencode(query)}" if query else address
        return await self._ask("GET", asked, absent=_NOT_FOUND)

    async def _ask(
        self, method: str, address: str, data: Fields | None = None, *, absent: int = 0
    ) -> Any:
        """Ask, once more with a new token when the old one has run out."""
        answer = await self._send(method, address, data)
        if answer.status_code == _NO_RIGHT:
            self._token = ""
            answer = await self._send(method, address, data)
        if answer.status_code in (_NO_RIGHT, 403):
            raise TransientError(f"HTTP_{answer.status_code}")
        if absent and answer.status_code == absent:
            return None
        if answer.status_code >= 300:
            raise PermanentError(_refusal(answer.status_code, answer.content))
        return _data(answer.content) if answer.content else {}

    async def _send(self, method: str, address: str, data: Fields | None) -> Any:
        if not self._token:
            answer = await self._client.answer(
                "POST",
                "tokens",
                content=json.dumps(self._login).encode(),
                headers={"Content-Type": "application/json"},
            )
            if answer.status_code != 200:
                raise TransientError("SIGN_IN_REFUSED")
            self._token = answer.headers.get("authorization", "")
        content = None
        headers = {"Authorization": self._token}
        if data is not None:
            content = json.dumps({"data": data}, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        return await self._client.answer(method, address, content=content, headers=headers)


def _data(content: bytes) -> Any:
    try:
        return json.loads(content)["data"]
    except (ValueError, KeyError, TypeError):
        raise UnknownError("NOT_AN_ANSWER") from None


def _refusal(status: int, content: bytes) -> str:
    """Return which field was refused; what was refused in it may be a person's data."""
    try:
        detail = str(json.loads(content)["errors"][0].get("detail", ""))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        detail = ""
    known = detail.isascii() and detail.replace("_", "").isalnum() and len(detail) <= 32
    return f"HTTP_{status}_{detail.upper()}" if known else f"HTTP_{status}"
