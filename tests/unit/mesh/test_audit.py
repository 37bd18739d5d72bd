"""An audit leaf's digest: the same for the same fact, another for any other."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mesh.audit import Leaf, digest

AT = datetime(2026, 4, 13, 12, 0, 0, 250_000, tzinfo=UTC)
LEAF = Leaf(
    "spiffe://songtor/service/intake",
    "case.read",
    "c-1",
    {"purpose": "รับเรื่อง", "policy": 3, "sealed": False, "unit": None},
)
words = st.text(st.characters(codec="utf-8"), max_size=12)
facts = st.dictionaries(words, words | st.integers(-9, 9) | st.booleans() | st.none(), max_size=4)
leaves = st.builds(Leaf, words, words, words, facts)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_bytes_that_are_hashed_are_these() -> None:
    """Whoever checks the log outside the hub writes the same bytes with any JSON library."""
    canonical = (
        '["2026-04-13T12:00:00.250000+00:00","spiffe://songtor/service/intake","case.read","c-1",'
        '{"policy":3,"purpose":"รับเรื่อง","sealed":false,"unit":null}]'
    )
    assert digest(LEAF, AT) == hashlib.sha256(b"\x00" + canonical.encode()).digest()


def test_a_whole_second_is_written_like_any_other_instant() -> None:
    canonical = '["2026-04-13T12:00:00.000000+00:00","","","",{}]'
    leaf = Leaf("", "", "", {})
    expected = hashlib.sha256(b"\x00" + canonical.encode()).digest()
    assert digest(leaf, AT.replace(microsecond=0)) == expected


def test_the_order_in_which_facts_are_given_is_no_fact() -> None:
    turned = replace(LEAF, facts=dict(reversed(list(LEAF.facts.items()))))
    assert digest(turned, AT) == digest(LEAF, AT)


def test_the_same_instant_in_another_zone_is_the_same_instant() -> None:
    bangkok = AT.astimezone(timezone(timedelta(hours=7)))
    assert digest(LEAF, bangkok) == digest(LEAF, AT)


@pytest.mark.parametrize(
    "other",
    [
        replace(LEAF, actor="spiffe://songtor/service/routing"),
        replace(LEAF, action="case.write"),
        replace(LEAF, subject_id="c-2"),
        replace(LEAF, facts={**LEAF.facts, "policy": 4}),
        replace(LEAF, facts={**LEAF.facts, "policy": "3"}),
        replace(LEAF, facts={**LEAF.facts, "sealed": 0}),
        replace(LEAF, facts={**LEAF.facts, "unit": ""}),
        replace(LEAF, facts={**LEAF.facts, "more": ""}),
        replace(LEAF, facts={key: LEAF.facts[key] for key in ("policy", "sealed", "unit")}),
        # The same letters, parted elsewhere.
        replace(LEAF, actor=LEAF.actor + "case", action=".read"),
    ],
)
def test_any_change_changes_the_digest(other: Leaf) -> None:
    assert digest(other, AT) != digest(LEAF, AT)


def test_a_microsecond_changes_the_digest() -> None:
    assert digest(LEAF, AT + timedelta(microseconds=1)) != digest(LEAF, AT)


@given(leaves, leaves, instants, instants)
def test_different_leaves_have_different_digests(
    one: Leaf, other: Leaf, at: datetime, then: datetime
) -> None:
    assume((repr(one), at) != (repr(other), then) and one != other)
    assert digest(one, at) != digest(other, then)


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        digest(LEAF, AT.replace(tzinfo=None))
