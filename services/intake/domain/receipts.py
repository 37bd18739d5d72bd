"""References that can be spoken, with a check digit; codes that can be given for ever.

A reference is eleven random digits and Damm's check digit, which catches every single wrong digit
and every swap of neighbours. A follow-up code is derived from the report's id by a secret, so the
same receipt can be given again and nothing secret is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from uuid import UUID

DIGITS = 12
# Damm's quasigroup of order 10: weakly totally anti-symmetric, zero on the diagonal.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
# Crockford's alphabet: no letter that is read as a digit, no word by accident.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 10
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})


def check_digit(digits: str) -> str:
    """Return the digit that completes `digits`."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][ord(digit) - 48]
    return chr(48 + interim)


def reference(number: int) -> str:
    """Return the reference of a random number below 10**11, as 1234-5678-9012."""
    digits = f"{number:011d}"
    if len(digits) != DIGITS - 1 or not digits.isdigit():
        raise ValueError("a reference is made of eleven digits")
    digits += check_digit(digits)
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def read_reference(text: str) -> str | None:
    """Return the reference meant by what was typed, in Thai digits or ours, or None."""
    digits = "".join(
        str(unicodedata.decimal(letter)) for letter in text if unicodedata.decimal(letter, -1) >= 0
    )
    others = {letter for letter in text if unicodedata.decimal(letter, -1) < 0}
    if len(digits) != DIGITS or not others <= set(" -\u2010\u2011\u2013\u00a0"):
        return None
    if check_digit(digits[:-1]) != digits[-1]:
        return None
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def follow_up_code(secret: bytes, report_id: UUID) -> str:
    """Return the report's code, as ABCDE-12345: fifty bits that only the secret gives."""
    digest = hmac.digest(secret, report_id.bytes, hashlib.sha256)
    number = int.from_bytes(digest[:8], "big")
    letters = "".join(_ALPHABET[(number >> (5 * i)) & 31] for i in range(_CODE_LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


def same_code(expected: str, typed: str) -> bool:
    """Compare in constant time what was typed, however it was written, with the code."""
    plain = "".join(letter for letter in typed.upper() if letter.isascii() and letter.isalnum())
    wanted = expected.replace("-", "")
    return hmac.compare_digest(wanted.encode(), plain.translate(_MISREAD).encode())
