"""What each kind of unit does: roles, problems, hours; and what each agency is called by.

The unit types and their hours are the vocabulary of the policies; a test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FL1, FL2, MANAGER = "front_line_1", "front_line_2", "case_manager"
RESPONDER, SHELTER, PARTNER, DESK = "responder", "shelter", "partner", "tier_desk"
PREGNANCY, TRAFFICKING, LABOUR = "unready_pregnancy", "trafficking", "child_labour"
VIOLENCE, OTHER = "violence", "other"
EVERY_PROBLEM = (PREGNANCY, TRAFFICKING, LABOUR, VIOLENCE, OTHER)
OFFICE, ALL_DAY = "th-gov", "24x7"


@dataclass(frozen=True, slots=True)
class AgencyFacts:
    token: str
    """Its part of a unit's id."""
    ministry: str
    adapter: str
    """The agency system that receives its referrals; empty for bodies that have none."""
    external_id: str
    """The system that numbers its units; empty when none is known."""


AGENCIES: Mapping[str, AgencyFacts] = {
    "msdhs": AgencyFacts("MSDHS", "msdhs", "msdhs", "msdhs"),
    "public_health": AgencyFacts("MOPH", "public_health", "public_health", "hcode9"),
    "police": AgencyFacts("RTP", "police", "police", "police"),
    "labour": AgencyFacts("MOL", "labour", "labour", "mol"),
    "interior": AgencyFacts("MOI", "interior", "", ""),
    "education": AgencyFacts("MOE", "education", "", ""),
    "justice": AgencyFacts("MOJ", "justice", "", ""),
    "bangkok": AgencyFacts("BMA", "interior", "public_health", "hcode9"),
    "pattaya": AgencyFacts("PTY", "interior", "", ""),
    "ngo": AgencyFacts("NGO", "msdhs", "ngo", "ngo"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    agency: str
    roles: tuple[str, ...]
    problems: tuple[str, ...] = ()
    hours: str = OFFICE


KINDS: Mapping[str, Kind] = {
    "provincial_office": Kind("msdhs", (FL1, FL2, MANAGER), EVERY_PROBLEM),
    "family_shelter": Kind(
        "msdhs", (FL1, FL2, MANAGER, RESPONDER, SHELTER), EVERY_PROBLEM, ALL_DAY
    ),
    "destitute_centre": Kind("msdhs", (FL1, SHELTER), (OTHER,)),
    "trafficking_shelter": Kind("msdhs", (FL1, SHELTER), (TRAFFICKING,), ALL_DAY),
    "child_home": Kind("msdhs", (FL1, SHELTER), (LABOUR, VIOLENCE, OTHER)),
    "older_persons_centre": Kind("msdhs", (FL1, SHELTER), (VIOLENCE, OTHER)),
    "disability_centre": Kind("msdhs", (FL1, SHELTER), (VIOLENCE, OTHER)),
    "women_family_centre": Kind("msdhs", (FL1, SHELTER), (PREGNANCY, VIOLENCE)),
    "technical_office": Kind("msdhs", (FL1, PARTNER)),
    "hotline_centre": Kind("msdhs", (FL1,), EVERY_PROBLEM, ALL_DAY),
    "mobile_unit": Kind("msdhs", (RESPONDER,), EVERY_PROBLEM, ALL_DAY),
    "hospital": Kind("public_health", (FL1, FL2, MANAGER), (PREGNANCY, VIOLENCE), ALL_DAY),
    "subdistrict_health": Kind("public_health", (FL1, PARTNER), (PREGNANCY,)),
    "police_station": Kind("police", (FL1, FL2, RESPONDER), EVERY_PROBLEM, ALL_DAY),
    "labour_centre": Kind("labour", (FL1, FL2, MANAGER), (TRAFFICKING, LABOUR)),
    "labour_office": Kind("labour", (FL2, MANAGER), (TRAFFICKING, LABOUR)),
    "district_office": Kind("interior", (FL1,)),
    "provincial_administration": Kind("interior", (FL1,)),
    "municipality": Kind("interior", (FL1,)),
    "subdistrict_administration": Kind("interior", (FL1,)),
    "primary_education_area": Kind("education", (FL1, PARTNER), (PREGNANCY, LABOUR, VIOLENCE)),
    "secondary_education_area": Kind("education", (FL1, PARTNER), (PREGNANCY, LABOUR, VIOLENCE)),
    "justice_office": Kind("justice", (FL1, PARTNER), (TRAFFICKING, VIOLENCE)),
    "bangkok_district_office": Kind("bangkok", (FL1,)),
    "bangkok_health_centre": Kind("bangkok", (FL1, PARTNER), (PREGNANCY,)),
    "bangkok_hospital": Kind("bangkok", (FL1, FL2, MANAGER), (PREGNANCY, VIOLENCE), ALL_DAY),
    "pattaya_desk": Kind("pattaya", (FL1,), (), ALL_DAY),
    "ngo": Kind("ngo", (PARTNER, SHELTER), EVERY_PROBLEM, ALL_DAY),
    "province_desk": Kind("msdhs", (DESK,), (), ALL_DAY),
    "ministry_desk": Kind("msdhs", (DESK,), (), ALL_DAY),
    "central_desk": Kind("msdhs", (DESK,), (), ALL_DAY),
}

HOTLINE_LANGUAGES = ("tha", "eng", "mya", "khm", "lao", "vie", "cmn", "mfa")
"""Thai and the seven languages of 1300 (s002); `mfa` is Patani Malay, written in Jawi."""
BORDER_LANGUAGES: Mapping[str, frozenset[str]] = {
    "mya": frozenset({"50", "57", "58", "63", "70", "71", "74", "76", "77", "85"}),
    "khm": frozenset({"22", "23", "27", "31", "32", "33", "34"}),
    "lao": frozenset({"34", "37", "38", "39", "42", "43", "48", "49", "53", "54", "55", "65"}),
    "mfa": frozenset({"90", "91", "94", "95", "96"}),
}
SPEAKING_BORDER_LANGUAGES = frozenset(
    {"family_shelter", "provincial_office", "hospital", "police_station"}
)
"""Unit types that keep an interpreter where a border language is spoken."""


def languages_of(unit_type: str, province: str) -> tuple[str, ...]:
    """Return the ISO 639-3 codes spoken at such a unit there."""
    if unit_type in ("hotline_centre", "mobile_unit"):
        return HOTLINE_LANGUAGES
    if unit_type == "ngo":
        return ("tha", "eng", "mya", "khm", "lao")
    if unit_type not in SPEAKING_BORDER_LANGUAGES:
        return ("tha",)
    return ("tha", *(code for code, where in BORDER_LANGUAGES.items() if province in where))
