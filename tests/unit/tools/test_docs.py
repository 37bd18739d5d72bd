"""The pages say what is so: made from the code, and every link and task is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from mesh.config import ProcessSettings
from tools import docs


class Settings(ProcessSettings):
    """A process with settings of its own."""

    desk: str
    """Who answers; `a|b`
    is allowed."""
    password: SecretStr = SecretStr("")
    """Never shown."""
    limit: int = Field(default=5)
    """How many."""


def test_a_table_shows_only_what_a_process_adds() -> None:
    lines = docs.table(Settings, ProcessSettings).splitlines()[2:]
    assert lines == [
        "| `SONGTOR_DESK` | **required** | Who answers; `a\\|b` is allowed. |",
        "| `SONGTOR_PASSWORD` | unset | Never shown. |",
        "| `SONGTOR_LIMIT` | `5` | How many. |",
    ]


def test_a_changed_default_of_a_common_setting_is_shown() -> None:
    class Eager(ProcessSettings):
        """Pools more."""

        database_pool_size: int = 16
        """Connections held open to PostgreSQL."""

    assert "`16`" in docs.table(Eager, ProcessSettings)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a](gone.md)", "gone.md leads nowhere"),
        ("[a](page.md#gone)", "names a heading that is not there"),
        ("[a](#two-words) [b](page.md) [c](https://songtor.example/gone)", None),
        ("```\n[a](gone.md)\n```", None),
    ],
)
def test_links_lead_somewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaint: str | None
) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"# Two words\n\n{text}\n", encoding="utf-8")
    found = list(docs.broken_links(page))
    assert (complaint is None) == (not found)
    assert complaint is None or complaint in found[0]


def test_a_task_that_the_makefile_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    (tmp_path / "Makefile").write_text("run: setup ## run it\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("`make run`, then\n```\nmake fly\n```\nwhich make no sense", encoding="utf-8")
    assert list(docs.unknown_tasks(page)) == ["page.md: there is no `make fly`"]


def test_a_command_that_songtor_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("`songtor up`, `songtor clock advance 1h`, then `songtor fly`", "utf-8")
    assert list(docs.unknown_commands(page)) == ["page.md: there is no `songtor fly`"]
