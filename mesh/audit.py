"""The audit log: a leaf for each effect and each read decision, in the effect's own transaction.

A leaf holds ids and codes only. Its digest is that of an RFC 6962 leaf, so that a tree can be built
over the leaves without reading them again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mesh.database import Transaction
from mesh.tables import audit_leaf


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing that was done or looked at: who, what, to which id, under which versions."""

    actor: str
    action: str
    subject_id: str
    facts: Mapping[str, str | int | bool | None]


def digest(leaf: Leaf, at: datetime) -> bytes:
    """Return SHA-256(0x00 || canonical JSON): keys sorted, no blanks, UTF-8, instants in UTC.

    An instant always has six digits below the second, so that its text does not depend on them.
    """
    return _digest(leaf, _text_of(at), _canonical(dict(leaf.facts)))


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _text_of(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("an instant in the audit log must be aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _digest(leaf: Leaf, instant: str, facts: str) -> bytes:
    # The canonical form of [instant, actor, action, subject, facts], with the facts' done before.
    head = _canonical([instant, leaf.actor, leaf.action, leaf.subject_id])
    return hashlib.sha256(f"\x00{head[:-1]},{facts}]".encode()).digest()


async def append(tx: Transaction, leaves: Sequence[Leaf], *, now: datetime) -> None:
    """Write the leaves in the caller's transaction."""
    if not leaves:
        return
    instant = _text_of(now)
    canonical = [_canonical(dict(leaf.facts)) for leaf in leaves]
    tx.insert_later(
        audit_leaf,
        [
            {
                "at": now,
                "actor": leaf.actor,
                "action": leaf.action,
                "subject_id": leaf.subject_id,
                "facts": facts,
                "digest": _digest(leaf, instant, facts),
            }
            for leaf, facts in zip(leaves, canonical, strict=True)
        ],
    )
