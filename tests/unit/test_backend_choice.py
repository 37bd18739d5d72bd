"""SONGTOR_TEST_BACKEND: what is asked for is used; only `auto` chooses."""

from __future__ import annotations

import pytest

from tests.backends.choice import choose


def has_images() -> str | None:
    return None


def has_no_engine() -> str | None:
    return "no container engine answers"


def must_not_be_asked() -> str | None:
    raise AssertionError("an explicit choice must not look for an engine")


def test_auto_takes_containers_where_an_engine_has_the_images():
    assert choose({}, has_images).backend == "containers"


def test_auto_without_an_engine_is_embedded_and_says_why():
    choice = choose({}, has_no_engine)
    assert str(choice) == "embedded (no container engine answers)"


def test_auto_prefers_servers_that_are_named():
    named = {"SONGTOR_TEST_PG_URL": "postgresql://localhost/postgres"}
    assert choose(named, must_not_be_asked).backend == "external"


@pytest.mark.parametrize("backend", ["containers", "embedded", "external"])
def test_an_explicit_choice_never_falls_back(backend):
    choice = choose({"SONGTOR_TEST_BACKEND": backend}, must_not_be_asked)
    assert str(choice) == f"{backend} (asked for)"


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="auto, containers, embedded, external"):
        choose({"SONGTOR_TEST_BACKEND": "docker"}, has_images)
