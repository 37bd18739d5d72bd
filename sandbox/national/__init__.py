"""The national registry of the sandbox: every unit of every agency, made from GeoThai alone.

The counts are the real ones (s003: 21,553 intake units of nine bodies); the units are not: every
row is synthetic, its phone number can never be dialled and its mail never delivered. There is no
randomness: the same bytes on every machine.
"""

from sandbox.national.registry import national_units

__all__ = ["national_units"]
