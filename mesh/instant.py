"""Instants on the wire: aware datetimes in UTC <-> protobuf timestamps."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def to_proto(at: datetime) -> Timestamp:
    """Return the instant as it travels, to the microsecond."""
    seconds = at.timestamp()
    whole = int(seconds // 1)
    return Timestamp(seconds=whole, nanos=at.microsecond * 1000)


def from_proto(stamp: Timestamp) -> datetime:
    """Return the instant; nanoseconds below a microsecond are dropped."""
    return stamp.ToDatetime(UTC)
