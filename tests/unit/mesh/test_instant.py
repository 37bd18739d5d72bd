"""Instants on the wire: to the microsecond, whatever the zone, and never without one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.instant import from_proto, to_proto

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 the zone is drawn apart
    datetime(2100, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
    timezones=zones,
)


@given(instants)
@example(datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
@example(EPOCH)
def test_an_instant_arrives_as_it_was(at: datetime) -> None:
    stamp = Timestamp.FromString(to_proto(at).SerializeToString())
    arrived = from_proto(stamp)
    assert arrived == at
    assert arrived.utcoffset() == timedelta(0)


@given(st.datetimes(timezones=st.just(UTC)))
def test_so_does_any_year_that_can_be_written(at: datetime) -> None:
    assert from_proto(to_proto(at)) == at


@given(instants, st.integers(0, 999))
def test_nanoseconds_below_a_microsecond_are_dropped_and_not_rounded(
    at: datetime, nanos: int
) -> None:
    stamp = to_proto(at)
    stamp.nanos += nanos
    assert from_proto(stamp) == at


@given(instants, instants)
def test_order_is_kept(one: datetime, other: datetime) -> None:
    first, second = to_proto(one), to_proto(other)
    assert (one < other) == ((first.seconds, first.nanos) < (second.seconds, second.nanos))


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        to_proto(datetime(2026, 4, 13))  # noqa: DTZ001 that is the point
