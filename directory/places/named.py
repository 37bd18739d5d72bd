"""Addresses as people write them, in Thai or English, to codes; the likeliest first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import geothai

LIMIT = 10
"""How many alternatives a person is shown."""
SUBDISTRICT, DISTRICT, PROVINCE, ANY = 6, 4, 2, 0
_MARKED = re.compile(
    r"(ตำบล|แขวง|ต\.|อำเภอ|เขต|อ\.|จังหวัด|จ\."
    r"|\b(?:tambon|khwaeng|sub-?district|t\.)|\b(?:amphoe|khet|district|a\.)"
    r"|\b(?:changwat|province|p\.))",
    re.IGNORECASE,
)
_LEVEL_OF = {
    SUBDISTRICT: re.compile(r"ตำบล|แขวง|ต\.|tambon|khwaeng|sub-?district|t\.", re.IGNORECASE),
    PROVINCE: re.compile(r"จังหวัด|จ\.|changwat|province|p\.", re.IGNORECASE),
}
_CAPITALS = frozenset({"เมือง", "mueang", "muang"})
_BANGKOK = {"กทม": "10", "กรุงเทพ": "10", "กรุงเทพฯ": "10", "bkk": "10"}
_POST_CODE = re.compile(r"(?<!\d)(\d{5})(?!\d)")
_WORDS = 4
"""Most words of one English name."""


@dataclass(slots=True)
class _Said:
    """What the words may mean: each code with the numbers of the phrases that name it."""

    codes: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    capital: int | None = None
    """The phrase that says "the capital's district"."""
    post_code: str = ""
    phrases: int = 0


def candidates(text: str) -> list[str]:
    """Return the codes that fit the words best; of equals the widest area first: it is safest."""
    said = _read(text)
    if said.capital is not None:
        for code in {code[:2] for code in said.codes}:
            said.codes[f"{code}01"].add(said.capital)
    scores = {code: _score(code, said) for code in tuple(said.codes)}
    if not scores:
        return _by_post_code(said.post_code)
    best = max(scores.values())
    fitting = [code for code, score in scores.items() if score == best]
    return sorted(fitting, key=lambda code: (len(code), code))[:LIMIT]


def _score(code: str, said: _Said) -> tuple[int, int]:
    """Return how many phrases agree with the code, and whether the post code does.

    A phrase counts once, though it may be a district's name and its sub-district's alike.
    """
    agreeing: set[int] = set()
    for level in (PROVINCE, DISTRICT, SUBDISTRICT):
        if level <= len(code):
            agreeing |= said.codes.get(code[:level], set())
    posted = bool(said.post_code) and any(c.startswith(code) for c in _posted(said.post_code))
    return len(agreeing), int(posted)


def _read(text: str) -> _Said:
    said = _Said()
    posted = _POST_CODE.search(text)
    if posted:
        said.post_code = posted[1]
        text = text.replace(posted[1], " ")
    parts = _MARKED.split(text)
    _take(parts[0], ANY, said)
    for mark, words in zip(parts[1::2], parts[2::2], strict=True):
        level = next((n for n, marks in _LEVEL_OF.items() if marks.fullmatch(mark)), DISTRICT)
        _take(words, level, said)
    return said


def _take(words: str, level: int, said: _Said) -> None:
    """Take what the words name: a marked part begins with its name, the rest may hold any."""
    for start, phrase in _phrases(words):
        plain = phrase.casefold()
        codes = set(_names().get(geothai.normalize(phrase), ()))
        codes.update([_BANGKOK[plain]] if plain in _BANGKOK else ())
        if start == 0 and level != ANY:
            codes = {code for code in codes if len(code) == level} or codes
        if plain in _CAPITALS:
            said.capital = said.phrases
        for code in codes:
            said.codes[code].add(said.phrases)
        said.phrases += 1


def _phrases(words: str) -> Iterator[tuple[int, str]]:
    """Yield runs of one to four words that no comma parts, with where they start, longest first."""
    offset = 0
    for segment in re.split(r"[,;/\n]", words):
        split = segment.split()
        taken_until = 0
        for start in range(len(split)):
            for length in range(min(_WORDS, len(split) - start), 0, -1):
                phrase = " ".join(split[start : start + length])
                if start + length <= taken_until:
                    continue  # a part of a longer name that was read already
                if length > 1 and geothai.normalize(phrase) in _names():
                    taken_until = start + length
                yield offset + start, phrase
        offset += len(split)


def _by_post_code(post_code: str) -> list[str]:
    codes = sorted(_posted(post_code))
    wider = sorted({code[:4] for code in codes})
    return (codes if len(codes) == 1 else wider)[:LIMIT]


@cache
def _posted(post_code: str) -> frozenset[str]:
    if not post_code:
        return frozenset()
    return frozenset(item.code for item in geothai.by_postal_code(post_code))


@cache
def _names() -> Mapping[str, tuple[str, ...]]:
    """Return every area's cleaned name, in both languages, to the codes that bear it."""
    found: dict[str, set[str]] = defaultdict(set)

    def add(area: geothai.Province | geothai.District | geothai.Subdistrict) -> None:
        for name in (area.name_th, area.name_en):
            found[geothai.normalize(name)].add(area.code)

    for province in geothai.provinces():
        add(province)
        for district in geothai.districts(province.code):
            add(district)
            for item in geothai.subdistricts(district.code):
                add(item)
    return {name: tuple(sorted(codes)) for name, codes in found.items() if name}
