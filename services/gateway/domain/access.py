"""Who asks, and what they may do: a key's scopes, or the public website's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from mesh.errors import FieldViolation, InvalidArgumentError, PermissionDeniedError

CHANNELS = (
    "walk_in",
    "hotline_1300",
    "website",
    "mobile_app",
    "line_ess",
    "volunteer_app",
    "agency",
)
OPERATOR = "operator"
_AGENCY_DOOR = "agency"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `client` is a name of ours that outlives the client's keys."""

    client: str
    doors: frozenset[str] = frozenset()
    agency: str = ""
    operator: bool = False


PUBLIC = Principal("public", frozenset(("website",)))
NOBODY = Principal("nobody")


def principal(client: str, scopes: Iterable[str]) -> Principal:
    """Return what a key with these scopes may do, or raise ValueError for one that is none.

    Scopes: `door:<channel>`, `agency:<code>` (which opens the door `agency` too), `operator`.
    """
    doors, agency, operator = set(), "", False
    for scope in scopes:
        kind, _, value = scope.partition(":")
        if kind == "door" and value in CHANNELS and value != _AGENCY_DOOR:
            doors.add(value)
        elif kind == "agency" and value.isidentifier() and agency in ("", value):
            agency = value
            doors.add(_AGENCY_DOOR)
        elif scope == OPERATOR:
            operator = True
        else:
            raise ValueError(f"not a scope: {scope}")
    return Principal(client, frozenset(doors), agency, operator)


def door(asker: Principal, wanted: str | None) -> str:
    """Return the channel a report of `asker` comes in by; `wanted` is what it names itself."""
    if wanted is None:
        if len(asker.doors) == 1:
            return next(iter(asker.doors))
        if asker.doors:
            raise InvalidArgumentError(
                "several doors are open to this key: name one",
                reason="INVALID_FIELDS",
                violations=[FieldViolation("channel", "MISSING", "name the channel")],
            )
    elif wanted in asker.doors:
        return wanted
    raise PermissionDeniedError("this door is not open to the asker", reason="DOOR_CLOSED")


def source(asker: Principal, channel: str) -> str:
    """Return who sends, as intake and routing know it; status flows back to an agency."""
    return f"agency:{asker.agency}" if channel == _AGENCY_DOOR else f"door:{channel}"


def scoped_key(asker: Principal, key: str) -> str:
    """Return the key as it is passed on: two clients may use the same words as keys."""
    return hashlib.sha256(f"{asker.client}\n{key}".encode()).hexdigest()


def idempotency_key(header: str | None) -> str:
    """Return the Idempotency-Key a request carries; it must carry one."""
    if not header:
        raise InvalidArgumentError(
            "a request that changes something carries an Idempotency-Key",
            reason="MISSING_IDEMPOTENCY_KEY",
        )
    if len(header) > 128 or not (header.isascii() and header.isprintable() and " " not in header):
        raise InvalidArgumentError(
            "an Idempotency-Key is 1 to 128 visible ASCII characters",
            reason="BAD_IDEMPOTENCY_KEY",
        )
    return header


def need_operator(asker: Principal) -> None:
    """Raise unless the asker is an operator of the hub."""
    if not asker.operator:
        raise PermissionDeniedError("this is for operators of the hub", reason="NOT_AN_OPERATOR")


def need_agency(asker: Principal) -> str:
    """Return the agency the asker acts for, or raise."""
    if not asker.agency:
        raise PermissionDeniedError("this is for agencies", reason="NOT_AN_AGENCY")
    return asker.agency
