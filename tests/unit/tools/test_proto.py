"""Generated code is exactly what proto/ gives, and every difference has a name."""

from __future__ import annotations

from pathlib import Path

from tools.proto import contents, differences, write


def test_every_difference_is_named() -> None:
    fresh = {"same.py": b"1", "changed.py": b"new", "added.py": b"1"}
    committed = {"same.py": b"1", "changed.py": b"old", "gone.py": b"1"}
    assert differences(fresh, committed) == [
        "missing: gen/added.py",
        "stale: gen/changed.py",
        "left over: gen/gone.py",
    ]


def test_writing_leaves_nothing_over_and_touches_nothing_equal(tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_bytes(b"1")
    (tmp_path / "same.py").write_bytes(b"1")
    before = (tmp_path / "same.py").stat().st_mtime_ns
    write({"same.py": b"1", "deep/added.py": b"2"}, tmp_path)
    assert contents(tmp_path) == {"same.py": b"1", "deep/added.py": b"2"}
    assert (tmp_path / "same.py").stat().st_mtime_ns == before
