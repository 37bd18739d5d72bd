"""Instants on the wire: aware datetimes in UTC <-> protobuf timestamps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def to_proto(at: datetime) -> Timestamp:
    """Return the instant as it travels, to the microsecond. It must be aware."""
    # In whole numbers: a float of seconds has no room for the microseconds of a far year.
    seconds, rest = divmod(at - _EPOCH, _SECOND)
    return Timestamp(seconds=seconds, nanos=rest.microseconds * 1000)


def from_proto(stamp: Timestamp) -> datetime:
    """Return the instant; nanoseconds below a microsecond are dropped."""
    return stamp.ToDatetime(UTC)
