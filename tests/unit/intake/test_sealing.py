"""Identity blocks open only where and as they were sealed."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from services.intake import keys, sealing
from services.intake.keys import Keyset
from services.intake.sealing import SealBrokenError

SECRET = "นางสาวทดสอบ ระบบ 9-1234-56789-01-2".encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "keyset.json"
    keys.create(path)
    return path


@pytest.fixture
def keyset(path: Path) -> Keyset:
    return keys.read(path)


def block(keyset: Keyset) -> sealing.Block:
    return sealing.seal(keyset.primary, uuid4(), uuid4(), sealing.PEOPLE, SECRET)


def test_what_was_sealed_comes_back_and_cannot_be_read_before(keyset: Keyset) -> None:
    sealed = block(keyset)
    assert SECRET not in sealed.sealed
    assert sealing.unseal(keyset, sealed) == SECRET


def test_each_block_has_a_key_of_its_own(keyset: Keyset) -> None:
    one, two = block(keyset), block(keyset)
    assert one.wrapped_key != two.wrapped_key
    swapped = replace(one, wrapped_key=two.wrapped_key)
    with pytest.raises(SealBrokenError):
        sealing.unseal(keyset, swapped)


@pytest.mark.parametrize(
    "change",
    [
        {"case_id": uuid4()},
        {"report_id": uuid4()},
        {"fields": sealing.REPORTER},
        {"schema_version": 2},
        {"sealed": bytes(60)},
        {"key_id": "unknown"},
    ],
)
def test_a_block_that_was_moved_or_changed_does_not_open(
    keyset: Keyset, change: dict[str, object]
) -> None:
    with pytest.raises(SealBrokenError):
        sealing.unseal(keyset, replace(block(keyset), **change))  # type: ignore[arg-type]


def test_after_a_rotation_old_blocks_open_and_new_ones_use_the_new_key(
    path: Path, keyset: Keyset
) -> None:
    old = block(keyset)
    keys.rotate(path)
    later = keys.read(path)
    assert later.primary.key_id != keyset.primary.key_id
    assert sealing.unseal(later, old) == SECRET
    assert block(later).key_id == later.primary.key_id


def test_a_destroyed_key_erases_its_blocks(path: Path, keyset: Keyset) -> None:
    other = path.with_name("other.json")
    keys.create(other)
    with pytest.raises(SealBrokenError):
        sealing.unseal(keys.read(other), block(keyset))


def test_a_keyset_is_for_its_owner_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(PermissionError):
        keys.read(path)


def test_a_keyset_is_never_overwritten(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        keys.create(path)
    assert path.read_bytes() == before


def test_no_two_purposes_share_a_key() -> None:
    secret = bytes(32)
    assert len({keys._derive(secret, b"wrapping"), keys._derive(secret, b"follow-up"), secret}) == 3


def test_the_command_line_makes_and_rotates(tmp_path: Path) -> None:
    path = tmp_path / "keyset.json"
    assert keys.main(["create", str(path)]) == 0
    assert keys.main(["rotate", str(path)]) == 0
    assert len(keys.read(path).keys) == 2
    assert keys.main(["destroy", str(path)]) == 2
