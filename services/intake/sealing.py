"""Identity blocks: sealed under a fresh key each, which the keyset wraps.

A block is bound to its report, its case, its group of fields and its format: moved to another row,
it does not open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.intake.keys import Key, Keyset

SCHEMA_VERSION = 1
"""Format of what is sealed; grows when a block's content can no longer be read as before."""
REPORTER, PEOPLE = "reporter", "people"
"""Groups of fields: who told, which stays secret; who it is about, which the helpers may open."""
_KEY, _NONCE = 32, 12


class SealBrokenError(Exception):
    """The block is not what was sealed here: changed, moved, or under a key we do not have."""


@dataclass(frozen=True, slots=True)
class Block:
    """One sealed group of fields of one report."""

    report_id: UUID
    case_id: UUID
    fields: str
    schema_version: int
    key_id: str
    wrapped_key: bytes
    sealed: bytes


def seal(key: Key, report_id: UUID, case_id: UUID, fields: str, plain: bytes) -> Block:
    """Seal `plain` under a key of its own. That key leaves this function only wrapped."""
    random = os.urandom(_KEY + 2 * _NONCE)
    own, first, second = random[:_KEY], random[_KEY : _KEY + _NONCE], random[_KEY + _NONCE :]
    bound = _bound(report_id, case_id, fields, SCHEMA_VERSION)
    return Block(
        report_id,
        case_id,
        fields,
        SCHEMA_VERSION,
        key.key_id,
        first + key.wrapping.encrypt(first, own, bound),
        second + AESGCM(own).encrypt(second, plain, bound),
    )


def unseal(keyset: Keyset, block: Block) -> bytes:
    """Return what was sealed, or raise `SealBrokenError`."""
    key = keyset.keys.get(block.key_id)
    if key is None:
        raise SealBrokenError("its key is not in the keyset")
    bound = _bound(block.report_id, block.case_id, block.fields, block.schema_version)
    try:
        own = key.wrapping.decrypt(block.wrapped_key[:_NONCE], block.wrapped_key[_NONCE:], bound)
        return AESGCM(own).decrypt(block.sealed[:_NONCE], block.sealed[_NONCE:], bound)
    except InvalidTag:
        raise SealBrokenError("it was changed or moved") from None


def _bound(report_id: UUID, case_id: UUID, fields: str, schema_version: int) -> bytes:
    return b"".join(
        (
            b"songtor.identity.",
            schema_version.to_bytes(2, "big"),
            report_id.bytes,
            case_id.bytes,
            fields.encode("ascii"),
        )
    )
