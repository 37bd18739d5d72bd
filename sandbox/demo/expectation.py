"""What must become of a report: the domain's rules, read from its notes and not from our policies.

Written a second time on purpose. If a routing rule is changed by mistake, the demo says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BANGKOK = "10"


class Ending(StrEnum):
    """How a case of the scenario ends."""

    COMPLETED = "completed"
    DECLINED_ONCE = "declined_once"
    """The first unit says no, the next one completes."""
    NOT_REACHED = "not_reached"
    """Accepted, and then nobody reaches the person: all three tiers are told after 24 hours."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The lead unit's agency and possible types, who supports it, and the ending."""

    agency: str
    unit_types: tuple[str, ...]
    supporting: tuple[tuple[str, ...], ...] = ()
    """Each told at once with a referral of its own: its possible unit types."""
    ending: Ending = Ending.COMPLETED


def expected(
    problem: str, *, province: str, urgency: str, ess: bool, in_hours: bool, ending: Ending
) -> Expected:
    """Return what the domain notes (sections 1.3, 1.8, 1.9 and 5) ask for."""
    bangkok = province == BANGKOK
    if ess:
        team = "mobile_unit" if bangkok else "family_shelter"
        return Expected("police", ("police_station",), ((team,),), ending)
    if urgency == "crisis":
        lead = "mobile_unit" if bangkok else "family_shelter"
        return Expected("msdhs", (lead,), _told_in_crisis(problem, bangkok=bangkok), ending)
    if problem == "violence":
        shelter_first = bangkok or (urgency == "urgent" and not in_hours)
        lead = "family_shelter" if shelter_first else "provincial_office"
        return Expected("msdhs", (lead,), (), ending)
    agency, unit_types = _host(problem, bangkok=bangkok)
    if agency == "labour" and urgency == "urgent" and not in_hours:
        # Labour keeps office hours, and this cannot wait for the morning.
        agency, unit_types = "msdhs", ("province_desk",)
    return Expected(agency, unit_types, _told_too(problem, bangkok=bangkok), ending)


def _host(problem: str, *, bangkok: bool) -> tuple[str, tuple[str, ...]]:
    """Return the host agency (s003) and its units that serve."""
    match problem:
        case "unready_pregnancy":
            # The hospitals of the capital are the city's own.
            return (
                ("bangkok", ("bangkok_hospital",)) if bangkok else ("public_health", ("hospital",))
            )
        case "trafficking":
            return "police", ("police_station",)
        case "child_labour":
            return "labour", ("labour_office", "labour_centre")
        case _:
            return "msdhs", ("family_shelter",)


def _told_in_crisis(problem: str, *, bangkok: bool) -> tuple[tuple[str, ...], ...]:
    """Return who works beside the shelter or mobile unit that goes out first (s002)."""
    match problem:
        case "other":
            return ()
        case "violence":
            return () if bangkok else (("provincial_office",),)
        case _:
            _, unit_types = _host(problem, bangkok=bangkok)
            return (unit_types,)


def _told_too(problem: str, *, bangkok: bool) -> tuple[tuple[str, ...], ...]:
    """Return who is told beside the host: the provincial office, which Bangkok does not have."""
    match problem, bangkok:
        case "trafficking", True:
            return (("family_shelter",),)
        case "trafficking" | "child_labour", False:
            return (("provincial_office",),)
        case _:
            return ()
