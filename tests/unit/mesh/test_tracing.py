"""Every piece of work has a trace, recorded or not, and hands it on."""

from __future__ import annotations

import pytest

from mesh import telemetry

TRACE = "0af7651916cd43dd8448eb211c80319c"
RECORDED, UNRECORDED = f"00-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE}-b7ad6b7169203331-00"


def test_work_that_nobody_records_has_ids_all_the_same() -> None:
    with telemetry.continued("work", {}):
        first = telemetry.trace_id()
        with telemetry.span("part"):
            assert telemetry.trace_id() == first
            assert telemetry.traceparent().split("-")[1:] != [first]
    with telemetry.continued("work", {}):
        assert telemetry.trace_id() not in ("", first)
    assert telemetry.trace_id() == telemetry.traceparent() == ""


@pytest.mark.parametrize("parent", [RECORDED, UNRECORDED])
def test_a_trace_goes_on_as_it_came(parent: str) -> None:
    with telemetry.continued("work", {"traceparent": parent}):
        assert telemetry.trace_id() == TRACE
        _, trace, span, _ = telemetry.traceparent().split("-")
        assert trace == TRACE
        assert (span != "b7ad6b7169203331") or parent == RECORDED
        assert telemetry.trace_headers()["traceparent"] == telemetry.traceparent()


def test_a_trace_is_left_when_the_work_fails() -> None:
    with pytest.raises(ZeroDivisionError), telemetry.continued("work", {}):
        raise ZeroDivisionError
    assert telemetry.trace_id() == ""


def test_nonsense_for_a_parent_begins_a_trace() -> None:
    with telemetry.continued("work", {"traceparent": "nonsense"}):
        assert len(telemetry.trace_id()) == 32
