"""The province of a report that brought a pin and no words: without it nobody could be asked."""

from __future__ import annotations

from dataclasses import replace

from directory.places.locate import Located, Locator
from services.intake.domain.report import Place


class PinReader:
    """Fills in what a pin alone says; what the reporter told is never changed."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator

    def __call__(self, place: Place) -> Place:
        """Return the place with the areas of its pin.

        A guessed district is left out: the units nearest to the pin are found without it, and a
        wrong one would send people to the wrong station.
        """
        if place.province or place.latitude is None or place.longitude is None:
            return place
        return _with(place, self._locator.pin((place.latitude, place.longitude)))


def _with(place: Place, located: Located) -> Place:
    if not located.found:
        return place
    best = located.found[0]
    code = best.code[:2] if best.approximate else best.code
    return replace(
        place,
        province=code[:2],
        district=code[:4] if len(code) >= 4 else "",
        subdistrict=code if len(code) == 6 else "",
    )
