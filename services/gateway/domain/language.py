"""Which of our two languages a client reads best."""

from __future__ import annotations

THAI, ENGLISH = "th", "en"


def choose(accept_language: str) -> str:
    """Return `th` or `en` as RFC 9110 weighs them; Thai when the client has no wish or another."""
    weights = {THAI: -1.0, ENGLISH: -1.0, "*": -1.0}
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        if primary in weights:
            weights[primary] = max(weights[primary], _weight(parameters))
    rest = weights.pop("*")
    thai, english = (weight if weight >= 0 else rest for weight in weights.values())
    return ENGLISH if english > max(thai, 0.0) else THAI


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
