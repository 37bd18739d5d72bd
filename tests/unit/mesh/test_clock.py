"""Clocks: one offset for all processes of a sandbox, and never backwards."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from mesh.clock import ManualClock, SystemClock, VirtualClock, open_clock

DAY = timedelta(days=1)


def test_two_clocks_on_one_file_are_one_clock(tmp_path: Path) -> None:
    one, other = VirtualClock(tmp_path / "clock"), VirtualClock(tmp_path / "clock")
    one.advance(DAY)
    assert other.offset == DAY
    other.advance(timedelta(microseconds=1))
    assert one.offset == DAY + timedelta(microseconds=1)
    assert DAY <= one.now() - datetime.now(UTC) + timedelta(seconds=5) <= DAY + timedelta(seconds=5)


def test_another_process_moves_with_us(tmp_path: Path) -> None:
    clock = VirtualClock(tmp_path / "clock")
    clock.advance(timedelta(hours=25))
    told = subprocess.run(  # noqa: S603 our own Python
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from mesh.clock import open_clock;"
            "print(open_clock(pathlib.Path(sys.argv[1])).offset.total_seconds())",
            str(tmp_path / "clock"),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert float(told.stdout) == 25 * 3600


def test_a_clock_that_is_opened_later_goes_on_where_the_others_are(tmp_path: Path) -> None:
    VirtualClock(tmp_path / "deep" / "clock").advance(DAY)
    assert VirtualClock(tmp_path / "deep" / "clock").offset == DAY


def test_opening_it_at_once_from_many_places_never_sets_it_back(tmp_path: Path) -> None:
    path = tmp_path / "clock"

    def open_and_move(_: int) -> timedelta:
        clock = VirtualClock(path)
        before = clock.offset
        return clock.offset - before

    VirtualClock(path).advance(DAY)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_and_move, range(64))) == {timedelta(0)}
    assert VirtualClock(path).offset == DAY


def test_a_file_cut_short_by_a_crash_reads_as_no_offset(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    path.write_bytes(b"\x00\x00\x00")
    assert VirtualClock(path).offset == timedelta(0)


def test_it_is_never_moved_backwards(tmp_path: Path) -> None:
    clock = VirtualClock(tmp_path / "clock")
    clock.advance(DAY)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-timedelta(microseconds=1))
    assert clock.offset == DAY


def test_its_now_never_goes_back(tmp_path: Path) -> None:
    clock = VirtualClock(tmp_path / "clock")
    told = []
    for step in range(200):
        told.append(clock.now())
        if step % 10 == 0:
            clock.advance(timedelta(milliseconds=7))
    assert told == sorted(told)


def test_many_small_steps_add_up_to_the_microsecond(tmp_path: Path) -> None:
    clock = VirtualClock(tmp_path / "clock")
    for _ in range(1_000):
        clock.advance(timedelta(hours=1, microseconds=1))
    assert clock.offset == timedelta(hours=1_000, microseconds=1_000)


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2026, 4, 13, 19, tzinfo=timezone(timedelta(hours=7))))
    assert clock.now() == clock.now() == datetime(2026, 4, 13, 12, tzinfo=UTC)
    assert clock.advance(DAY) == clock.now() == datetime(2026, 4, 14, 12, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_without_a_file_it_is_the_machines_clock(tmp_path: Path) -> None:
    assert isinstance(open_clock(None), SystemClock)
    assert isinstance(open_clock(tmp_path / "clock"), VirtualClock)
    assert open_clock(None).now().tzinfo is UTC
