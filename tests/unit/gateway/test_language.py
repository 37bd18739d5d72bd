"""Thai unless the client would rather have English."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.language import choose


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("", "th"),
        ("th", "th"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("th-TH,th;q=0.9,en;q=0.8", "th"),
        ("en-US,en;q=0.9,th;q=0.1", "en"),
        ("en;q=0.5, th;q=0.5", "th"),
        ("fr, de;q=0.9", "th"),
        ("fr, en;q=0.2", "en"),
        ("*", "th"),
        ("th;q=0, *", "en"),
        ("th;q=0, en;q=0", "th"),
        ("en;q=nonsense", "th"),
        ("en;q=0.1;q=9, th;q=0.5", "th"),
        (",;,=", "th"),
    ],
)
def test_choose(wish: str, language: str) -> None:
    assert choose(wish) == language


@given(st.text())
def test_no_header_breaks_it(wish: str) -> None:
    assert choose(wish) in ("th", "en")
