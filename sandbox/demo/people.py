"""People who do not exist: numbers that no register gives out, names that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SURNAMES = (
    "ตัวอย่าง", "สมมติ", "จำลอง", "สาธิต", "ทดลอง", "นามแฝง", "บทเรียน", "แบบฝึก", "ซ้อมแผน",
    "จินตนา", "นิทาน", "เรื่องแต่ง", "ลองระบบ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a report. Empty fields were not told."""

    name: str = ""
    id_number: str = ""
    phone: str = ""
    age: int | None = None
    sex: str = ""
    nationality: str = ""
    groups: tuple[str, ...] = ()


def invented(
    number: int,
    *,
    age: int | None = None,
    sex: str = "",
    nationality: str = "THA",
    groups: Sequence[str] = (),
) -> Person:
    """Return the person that belongs to `number`, the same one every time."""
    return Person(
        name=f"ทดสอบ {SURNAMES[number % len(SURNAMES)]} {number}",
        # Only a Thai has a national id; registers start with 1 to 8, and 0 for the unregistered.
        id_number=national_id(number) if nationality == "THA" else "",
        phone=f"000-00{number // 10_000}-{number % 10_000:04}",
        age=age,
        sex=sex,
        nationality=nationality,
        groups=tuple(groups),
    )


def national_id(number: int) -> str:
    """Return a well-formed national id with a right check digit that nobody holds."""
    digits = f"9{number:011}"
    return digits + check_digit(digits)


def check_digit(first_twelve: str) -> str:
    """Return the thirteenth digit of a Thai national id."""
    weighed = zip(first_twelve, range(13, 1, -1), strict=True)
    return str((11 - sum(int(digit) * weight for digit, weight in weighed) % 11) % 10)
