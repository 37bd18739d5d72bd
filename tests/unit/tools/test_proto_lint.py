"""Which contracts a change is held against."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.proto_lint import baseline


class Clone:
    """A small git repository with one contract."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        """Run git in it and return what it printed."""
        who = ["-c", "user.name=Test", "-c", "user.email=test@clone.example"]
        command = ["git", *who, "-C", str(self.root), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 our own
        return done.stdout.strip()

    def write(self, text: str, name: str = "proto/a.proto") -> None:
        """Write a file without committing it."""
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def commit(self, text: str, message: str = "change", name: str = "proto/a.proto") -> str:
        """Write and commit a file; return the commit."""
        self.write(text, name)
        self.git("add", ".")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_without_an_earlier_contract_there_is_nothing_to_break(clone: Clone) -> None:
    assert baseline(clone.root)[0] is None
    clone.commit("readme", name="README.md")
    assert baseline(clone.root)[0] is None
    clone.commit("first")
    commit, why = baseline(clone.root)
    assert commit is None
    assert "first contracts" in why


def test_an_uncommitted_change_is_held_against_the_newest_contracts(clone: Clone) -> None:
    first = clone.commit("first")
    clone.commit("readme", name="README.md")
    clone.write("second")
    assert baseline(clone.root)[0] == first


def test_a_new_file_counts_as_a_change(clone: Clone) -> None:
    first = clone.commit("first")
    clone.write("new", "proto/b.proto")
    assert baseline(clone.root)[0] == first


def test_a_clean_clone_still_holds_its_newest_change_against_the_one_before(clone: Clone) -> None:
    first = clone.commit("first")
    clone.commit("second")
    clone.commit("readme", name="README.md")
    assert baseline(clone.root)[0] == first


def test_a_branch_is_held_against_main(clone: Clone) -> None:
    first = clone.commit("first")
    clone.git("checkout", "-q", "-b", "feature")
    clone.commit("second")
    clone.commit("third")
    assert baseline(clone.root)[0] == first


def test_a_break_that_says_why_is_the_new_ground(clone: Clone) -> None:
    clone.commit("first")
    second = clone.commit("second", "proto: rename\n\nBreaks-Wire: nothing is deployed yet")
    commit, why = baseline(clone.root)
    assert commit is None
    assert "nothing is deployed yet" in why
    clone.write("third")
    assert baseline(clone.root)[0] == second
