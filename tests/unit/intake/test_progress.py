"""What the reporter is told, and who is shut out."""

from __future__ import annotations

import pytest

from services.intake.domain import progress
from services.intake.wire import _STATES


@pytest.mark.parametrize(
    ("assignments", "referrals", "status"),
    [
        ([], [], "received"),
        (["requested"], ["active"], "received"),
        (["declined", "requested"], ["active"], "received"),
        (["declined", "accepted"], ["active"], "helping"),
        (["completed"], ["active"], "helping"),
        (["completed"], ["completed"], "closed"),
        (["completed", "accepted"], ["completed", "active"], "helping"),
        (["cancelled"], ["revoked"], "closed"),
        (["failed"], ["unroutable"], "received"),
        (["accepted"], [], "helping"),
    ],
)
def test_status(assignments: list[str], referrals: list[str], status: str) -> None:
    assert progress.status(assignments, referrals) == status


def test_the_states_in_which_identity_opens_are_states() -> None:
    assert set(_STATES.values()) > progress.HOLDING
    assert not progress.HOLDING & {"requested", "received", "declined", "completed", "draft"}


@pytest.mark.parametrize("entry", ["agency:police", "TH-RTP-1"])
def test_the_implicated_are_shut_out(entry: str) -> None:
    assert progress.shut_out([entry], agency="police", unit_id="TH-RTP-1")
    assert not progress.shut_out([entry], agency="msdhs", unit_id="TH-RTP-11")
