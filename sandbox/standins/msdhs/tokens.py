"""JSON Web Tokens of 60 minutes, HS256, as the case management hands them out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

LIFETIME = timedelta(minutes=60)
_HEADER = {"alg": "HS256", "typ": "JWT"}


def issue(secret: bytes, user: str, now: datetime) -> str:
    """Return a token for `user`."""
    claims = {"sub": user, "exp": int((now + LIFETIME).timestamp())}
    unsigned = f"{_encode(_HEADER)}.{_encode(claims)}"
    return f"{unsigned}.{_sign(secret, unsigned)}"


def user_of(secret: bytes, token: str, now: datetime) -> str | None:
    """Return whose token it is, or None when it is forged or has run out."""
    unsigned, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(secret, unsigned).encode(), signature.encode()):
        return None
    claims = json.loads(_decode(unsigned.partition(".")[2]))
    return str(claims["sub"]) if claims["exp"] > now.timestamp() else None


def _sign(secret: bytes, text: str) -> str:
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encode(content: Mapping[str, object]) -> str:
    raw = json.dumps(content, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
