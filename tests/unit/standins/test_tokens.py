"""Tokens of the case management's stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.standins.msdhs.tokens import LIFETIME, issue, user_of

NOW = datetime(2026, 4, 10, 8, 0, tzinfo=UTC)
SECRET = b"a secret of the test"


def test_a_token_names_its_user_until_it_runs_out():
    token = issue(SECRET, "songtor", NOW)
    assert user_of(SECRET, token, NOW + LIFETIME - timedelta(seconds=1)) == "songtor"
    assert user_of(SECRET, token, NOW + LIFETIME) is None


def test_a_token_signed_with_another_key_is_refused():
    assert user_of(SECRET, issue(b"another", "songtor", NOW), NOW) is None


def test_a_token_with_a_changed_claim_is_refused():
    header, claims, signature = issue(SECRET, "songtor", NOW).split(".")
    other = issue(SECRET, "somebody", NOW).split(".")[1]
    assert claims != other
    assert user_of(SECRET, f"{header}.{other}.{signature}", NOW) is None
