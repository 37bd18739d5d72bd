"""A plan that cannot come up is refused before anything starts."""

from __future__ import annotations

import pytest

from sandbox.supervisor.plan import GRACE, Step, check


async def nothing():
    pass


def test_parts_may_need_others_in_any_order():
    check(
        [
            Step("services", nothing, ("postgres", "nats")),
            Step("postgres", nothing),
            Step("nats", nothing),
        ]
    )


def test_a_need_that_nobody_brings_up_is_named():
    with pytest.raises(ValueError, match="needed but not given: nats"):
        check([Step("services", nothing, ("nats",))])


def test_a_name_given_twice_is_named():
    with pytest.raises(ValueError, match="given twice: nats"):
        check([Step("nats", nothing), Step("nats", nothing)])


def test_parts_that_wait_for_each_other_are_named():
    with pytest.raises(ValueError, match=r"need each other: (a -> b -> a|b -> a -> b)"):
        check([Step("a", nothing, ("b",)), Step("b", nothing, ("a",))])


def test_stopping_everything_stays_within_three_seconds():
    assert sum(GRACE.values()) < 3
