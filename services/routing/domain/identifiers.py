"""Ids that are made here. The same facts at the same instant give the same id."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from uuid import UUID, uuid5


def time_ordered(at: datetime, *parts: str) -> UUID:
    """Return a UUID (version 8) that starts with the instant, so that rows made together lie
    together, and whose rest is a digest of `parts`."""
    digest = blake2b("\x1f".join(parts).encode(), digest_size=10).digest()
    value = (int(at.timestamp() * 1000) << 80) | int.from_bytes(digest)
    value = (value & ~(0xF << 76)) | (0x8 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def delivery_id(assignment_id: UUID, agency: str, kind: str, status: str, version: int) -> UUID:
    """Return the id of one message to one agency: its message id, inbox key and the key by which
    the agency's system knows that it has it already."""
    return uuid5(assignment_id, f"delivery|{agency}|{kind}|{status}|{version}")


def event_id(now: datetime, subject_id: UUID, *parts: object) -> UUID:
    """Return the id of what is announced about `subject_id`; in the order of time, because the
    outbox keeps an index over these ids and random ones would touch it all over."""
    return time_ordered(now, str(subject_id), *map(str, parts))
