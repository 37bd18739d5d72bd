"""References survive a telephone; codes are the same for ever and guess nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain import receipts

NUMBERS = st.integers(0, 10**11 - 1)
SECRET = bytes(range(32))


@given(NUMBERS)
def test_a_reference_is_read_back_as_it_was_given(number: int) -> None:
    reference = receipts.reference(number)
    assert receipts.read_reference(reference) == reference
    assert int(reference.replace("-", "")[:-1]) == number


@given(NUMBERS, st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(number: int, place: int, by: int) -> None:
    digits = list(receipts.reference(number).replace("-", ""))
    digits[place] = str((int(digits[place]) + by) % 10)
    assert receipts.read_reference("".join(digits)) is None


@given(NUMBERS, st.integers(0, 10))
def test_two_swapped_neighbours_are_always_noticed(number: int, place: int) -> None:
    digits = list(receipts.reference(number).replace("-", ""))
    before = "".join(digits)
    digits[place], digits[place + 1] = digits[place + 1], digits[place]
    after = "".join(digits)
    assert after == before or receipts.read_reference(after) is None


@pytest.mark.parametrize("number", [-1, 10**11])
def test_a_reference_has_eleven_free_digits(number: int) -> None:
    with pytest.raises(ValueError, match="eleven"):
        receipts.reference(number)


def test_a_reference_is_read_in_thai_digits_and_any_spacing() -> None:
    reference = receipts.reference(12345678901)
    plain = reference.replace("-", "")
    thai = plain.translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙"))
    for typed in (plain, thai, f" {plain[:3]} {plain[3:]} ", reference.replace("-", "\u2013")):
        assert receipts.read_reference(typed) == reference


@pytest.mark.parametrize("typed", ["", "12", "1" * 13, "abcd-efgh-ijkl", "1234-5678-901x"])
def test_what_is_no_reference_is_none(typed: str) -> None:
    assert receipts.read_reference(typed) is None


@given(st.uuids())
def test_a_code_is_derived_again_as_it_was(report_id: UUID) -> None:
    code = receipts.follow_up_code(SECRET, report_id)
    assert code == receipts.follow_up_code(SECRET, report_id)
    assert len(code) == 11
    assert receipts.same_code(code, code)


def test_a_code_needs_the_secret() -> None:
    report_id = uuid4()
    code = receipts.follow_up_code(SECRET, report_id)
    assert code != receipts.follow_up_code(bytes(32), report_id)
    assert not receipts.same_code(code, receipts.follow_up_code(SECRET, uuid4()))
    assert not receipts.same_code(code, "")


def test_a_code_is_read_however_it_is_written() -> None:
    assert receipts.same_code("AB01C-1D2E0", "ab o1c i d2eo".replace("i ", "l"))
    assert receipts.same_code("AB01C-1D2E0", "AB0IC1D2E0")


def test_codes_of_many_reports_do_not_repeat() -> None:
    codes = {receipts.follow_up_code(SECRET, uuid4()) for _ in range(2_000)}
    assert len(codes) == 2_000
