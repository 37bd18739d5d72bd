"""NATS patterns, held to a slow oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.outbox import matches

token = st.sampled_from(["a", "b", "case", "v1"])
subjects = st.lists(token, min_size=1, max_size=5).map(".".join)
heads = st.lists(token | st.just("*"), max_size=4)
tails = st.sampled_from([[], [">"], ["*"]])
patterns = (
    st.tuples(heads, tails).map(lambda both: ".".join([*both[0], *both[1]])).filter(lambda p: p)
)


def oracle(pattern: str, subject: str) -> bool:
    """Say the same, one token at a time, as the broker's manual does."""
    if not pattern or not subject:
        return not pattern and not subject
    first, _, wanted = pattern.partition(".")
    given_first, _, rest = subject.partition(".")
    if first == ">":
        return True
    return first in ("*", given_first) and oracle(wanted, rest)


@given(patterns, subjects)
def test_it_agrees_with_the_oracle(pattern: str, subject: str) -> None:
    assert matches(pattern, subject) == oracle(pattern, subject)


@given(subjects)
def test_a_subject_covers_itself_and_nothing_longer(subject: str) -> None:
    assert matches(subject, subject)
    assert not matches(subject, f"{subject}.more")
    assert matches(f"{subject}.>", f"{subject}.more.and.more")
    assert not matches(f"{subject}.>", subject)


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("delivery.v1.police.>", "delivery.v1.police.3", True),
        ("delivery.v1.police.>", "delivery.v1.police_academy.3", False),
        ("delivery.v1.*.3", "delivery.v1.police.3", True),
        ("delivery.v1.*", "delivery.v1.police.3", False),
        (">", "anything", True),
    ],
)
def test_by_hand(pattern: str, subject: str, covered: bool) -> None:
    assert matches(pattern, subject) is covered
