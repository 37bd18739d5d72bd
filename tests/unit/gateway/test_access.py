"""Which doors are open to whom."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from mesh.errors import InvalidArgumentError, PermissionDeniedError
from services.gateway import models
from services.gateway.domain import access
from services.gateway.domain.access import NOBODY, PUBLIC


def test_the_public_comes_in_by_the_website_alone() -> None:
    assert access.door(PUBLIC, None) == "website"
    assert access.door(PUBLIC, "website") == "website"
    for channel in set(access.CHANNELS) - {"website"}:
        with pytest.raises(PermissionDeniedError):
            access.door(PUBLIC, channel)


def test_an_agencys_reports_are_its_own() -> None:
    asker = access.principal("shelter", ["agency:msdhs"])
    assert access.door(asker, None) == "agency"
    assert access.source(asker, "agency") == "agency:msdhs"
    assert access.need_agency(asker) == "msdhs"


def test_a_key_with_several_doors_names_one() -> None:
    asker = access.principal("centre", ["door:hotline_1300", "door:walk_in"])
    assert access.door(asker, "walk_in") == "walk_in"
    assert access.source(asker, "walk_in") == "door:walk_in"
    with pytest.raises(InvalidArgumentError) as raised:
        access.door(asker, None)
    assert raised.value.violations[0].field == "channel"


def test_a_key_without_a_door_brings_no_report() -> None:
    operator = access.principal("desk", ["operator"])
    for asker in (operator, NOBODY):
        with pytest.raises(PermissionDeniedError):
            access.door(asker, None)
    access.need_operator(operator)
    with pytest.raises(PermissionDeniedError):
        access.need_operator(PUBLIC)
    with pytest.raises(PermissionDeniedError):
        access.need_agency(operator)


@pytest.mark.parametrize(
    "scopes",
    [["door:window"], ["door:agency"], ["agency:"], ["agency:a b"], ["root"], [""],
     ["agency:police", "agency:ngo"]],
)  # fmt: skip
def test_a_scope_that_is_none_makes_no_key(scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="not a scope"):
        access.principal("x", scopes)


def test_two_clients_may_use_the_same_words_as_keys() -> None:
    one, two = access.principal("one", []), access.principal("two", [])
    assert access.scoped_key(one, "1") != access.scoped_key(two, "1")
    assert access.scoped_key(one, "1") == access.scoped_key(one, "1")
    assert len(access.scoped_key(one, "k" * 128)) <= 128


@pytest.mark.parametrize("header", [None, "", "a b", "ก", "x" * 129, "tab\t", "\x7f"])
def test_an_idempotency_key_is_visible_ascii(header: str | None) -> None:
    with pytest.raises(InvalidArgumentError):
        access.idempotency_key(header)


@pytest.mark.parametrize("header", ["1", "x" * 128, "!~", "01a1ffbd-86de-707c-a94c-a5dc8eaa7314"])
def test_any_visible_ascii_is_a_key(header: str) -> None:
    assert access.idempotency_key(header) == header


def test_the_api_knows_the_same_channels() -> None:
    assert TypeAdapter(models.Channel).json_schema()["enum"] == list(access.CHANNELS)
