"""What arrives together is asked together, as far as one call can carry it."""

from __future__ import annotations

from mesh import rpc
from services.gateway.peers import chunks
from songtor.intake.v1 import intake_pb2
from tests.samples import submission


def test_small_reports_go_in_one_call() -> None:
    sent = [submission() for _ in range(50)]
    assert list(chunks(sent)) == [sent]


def test_large_reports_go_in_calls_that_a_server_takes() -> None:
    sent = [submission(narrative="x" * 65_000) for _ in range(200)]
    calls = list(chunks(sent))
    assert [item for call in calls for item in call] == sent
    sizes = [intake_pb2.SubmitReportsRequest(submissions=call).ByteSize() for call in calls]
    assert max(sizes) < rpc._MAX_MESSAGE
    assert len(calls) <= sum(sizes) // (rpc._MAX_MESSAGE // 2) + 1


def test_one_report_goes_however_large_it_is() -> None:
    sent = [submission(narrative="x" * 65_000, alleged=[{"address": "x" * 500}] * 20)]
    assert list(chunks(sent)) == [sent]
