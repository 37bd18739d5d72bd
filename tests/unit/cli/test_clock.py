"""How far a clock is moved, as people write it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cli.clock import length


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("25h", timedelta(hours=25)),
        ("2d", timedelta(days=2)),
        ("๒๕h", timedelta(hours=25)),
    ],
)
def test_lengths_are_a_number_and_a_unit(said, meant):
    assert length(said) == meant


@pytest.mark.parametrize("said", ["", "25", "h", "-1h", "1.5h", "1w", "25 h"])
def test_anything_else_is_refused_with_examples(said):
    with pytest.raises(ValueError, match="write 90s, 30m, 25h or 2d"):
        length(said)
