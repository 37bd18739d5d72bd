"""Settings: from the environment alone, safe by default, and silent about secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from mesh.config import ProcessSettings, host_port


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415

    for name in [name for name in os.environ if name.startswith("SONGTOR_")]:
        monkeypatch.delenv(name)


def test_a_process_is_in_production_unless_it_is_told_otherwise() -> None:
    assert ProcessSettings().env == "production"


def test_production_refuses_the_virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONGTOR_CLOCK_FILE", "clock")
    with pytest.raises(ValidationError, match="SONGTOR_CLOCK_FILE"):
        ProcessSettings()


def test_the_sandbox_takes_the_virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONGTOR_ENV", "sandbox")
    monkeypatch.setenv("SONGTOR_CLOCK_FILE", "clock")
    assert ProcessSettings().clock_file == Path("clock")


@pytest.mark.parametrize("env", ["", "Production", "test"])
def test_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch, env: str) -> None:
    monkeypatch.setenv("SONGTOR_ENV", env)
    with pytest.raises(ValidationError):
        ProcessSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"SONGTOR_CLOCK_FILE": "clock"},
        {"SONGTOR_DATABASE_POOL_SIZE": "many"},
        {"SONGTOR_ENV": "prod"},
    ],
)
def test_a_refusal_quotes_no_secret(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    # Alone and short, so that no abbreviation hides it.
    monkeypatch.setenv("SONGTOR_DATABASE_URL", "canary-secret")
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as raised:
        ProcessSettings()
    assert "canary-secret" not in f"{raised.value}{raised.value!r}"
    assert next(iter(wrong)).removeprefix("SONGTOR_").lower() in str(raised.value).lower()


def test_settings_do_not_show_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONGTOR_DATABASE_URL", "postgresql+asyncpg://role:canary-secret@host/db")
    settings = ProcessSettings()
    assert "canary-secret" not in f"{settings!r}{settings}{settings.model_dump()}"
    assert "canary-secret" in settings.database_url.get_secret_value()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        ProcessSettings().env = "sandbox"  # type: ignore[misc]


def test_what_is_not_ours_in_the_environment_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONGTOR_OF_TOMORROW", "yes")
    assert ProcessSettings().env == "production"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:8080", ("::1", 8080)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),  # noqa: S104 nothing listens here
        ("registry.songtor:7001", ("registry.songtor", 7001)),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, parts: tuple[str, int]) -> None:
    assert host_port(address) == parts


@pytest.mark.parametrize("address", ["", "host", "host:", "host:http"])
def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        host_port(address)
