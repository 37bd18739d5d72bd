"""The REST API's bodies: strict, closed, bounded; what is not here is refused by name."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_NARRATIVE_BYTES = 65_536

Channel = Literal[
    "walk_in", "hotline_1300", "website", "mobile_app", "line_ess", "volunteer_app", "agency"
]
Urgency = Literal["crisis", "urgent", "normal"]
Action = Literal[
    "receive",
    "accept",
    "decline",
    "start",
    "hold",
    "complete",
    "fail",
    "confirm_cancel",
    "refuse_cancel",
    "transfer",
    "record_reached",
]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,48}$")]
CodeOrNothing = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,48}$")]
LanguageOrNothing = Annotated[str, StringConstraints(pattern=r"^([a-z]{3})?$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _narrative(text: str) -> str:
    # A Thai letter is three bytes: the limit is of what is stored.
    if len(text) * 4 > _NARRATIVE_BYTES and len(text.encode()) > _NARRATIVE_BYTES:
        raise PydanticCustomError("string_too_long", "over 65,536 bytes of UTF-8")
    return text


class Body(BaseModel):
    """Reads strictly: no unknown field, no number in quotes."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Person(Body):
    """A person as told. Kept encrypted; opened only by an agency that accepted the case."""

    name: Annotated[str, StringConstraints(max_length=200)] = ""
    """Name as given."""
    id_number: Annotated[str, StringConstraints(max_length=32)] = ""
    """National id, passport or other number."""
    phone: Annotated[str, StringConstraints(max_length=32)] = ""
    """Phone as given."""
    address: Annotated[str, StringConstraints(max_length=500)] = ""
    """Address as given."""
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    """Age in years."""
    sex: Literal["", "male", "female", "other"] = ""
    """As told."""
    nationality: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3})?$")] = ""
    """ISO 3166-1 alpha-3."""
    groups: Annotated[
        list[Literal["child", "youth", "woman", "elder", "disability", "migrant"]],
        Field(max_length=8),
    ] = []
    """Target groups."""


class Point(Body):
    """A pin, WGS 84."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    """Degrees north."""
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    """Degrees east."""


class Place(Body):
    """Where. Any part may be missing."""

    province_code: Annotated[str, StringConstraints(pattern=r"^([0-9]{2})?$")] = ""
    """DOPA code of the province, as "50"."""
    district_code: Annotated[str, StringConstraints(pattern=r"^([0-9]{4})?$")] = ""
    """DOPA code of the district."""
    subdistrict_code: Annotated[str, StringConstraints(pattern=r"^([0-9]{6})?$")] = ""
    """DOPA code of the sub-district."""
    point: Point | None = None
    """The pin, where one was dropped."""
    text: Annotated[str, StringConstraints(max_length=500)] = ""
    """Place in words; kept encrypted."""


class SafeContact(Body):
    """How the person may be reached without putting them in danger."""

    contact_prohibited: bool = False
    """Nobody may contact the person."""
    channels: Annotated[
        list[Literal["phone", "line", "email", "in_person", "via_reporter"]], Field(max_length=8)
    ] = []
    """Channels that are safe."""
    hours: Annotated[
        str, StringConstraints(pattern=r"^([0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9])?$")
    ] = ""
    """Local hours in which contact is safe, as "09:00-16:00"."""
    language: LanguageOrNothing = ""
    """ISO 639-3 code of the language to speak."""


class Report(Body):
    """One contact of one reporter. A problem, a place or a story is enough to begin."""

    report_id: UUID | None = None
    """Made by the sender before sending, if it keeps one; else the gateway makes it."""
    channel: Channel | None = None
    """The door; may be left out where the API key opens one only."""
    kind: Literal["incident", "complaint", "tip"] = "incident"
    """What is brought."""
    problem_types: Annotated[list[Code], Field(max_length=8)] = []
    """Codes: unready_pregnancy, trafficking, child_labour, violence, other."""
    ess_cause: CodeOrNothing = ""
    """An emergency's cause: threat, detention, sexual_abuse_risk, violent_outburst,
    unlawful_gathering."""
    silent: bool = False
    """The person cannot use their voice: no call, no sound, no content."""
    anonymous: bool = False
    """The reporter gives no name."""
    urgency: Urgency | None = None
    """As judged at the door; never lowered afterwards."""
    place: Place | None = None
    """Where."""
    reporter: Person | None = None
    """Who reports; secret from every agency."""
    people: Annotated[list[Person], Field(max_length=20)] = []
    """Who needs help."""
    alleged: Annotated[list[Person], Field(max_length=20)] = []
    """Who is alleged to do harm."""
    narrative: Annotated[
        str, StringConstraints(max_length=_NARRATIVE_BYTES), AfterValidator(_narrative)
    ] = ""
    """What happened; kept encrypted. At most 65,536 bytes."""
    need_summary: Annotated[str, StringConstraints(max_length=500)] = ""
    """What is needed, in plain words without names or numbers: agencies see it at once."""
    safe_contact: SafeContact | None = None
    """How the person may be reached safely."""
    excluded: Annotated[list[Id], Field(max_length=50)] = []
    """Units, "agency:<code>" and "officer:<id>" implicated: they see nothing of the case."""
    occurred_at: AwareDatetime | None = None
    """When it happened."""
    reported_at: AwareDatetime | None = None
    """When it was told, by the sender's clock."""
    language: LanguageOrNothing = ""
    """ISO 639-3 code of the reporter's language."""
    receiving_unit_id: Annotated[str, StringConstraints(max_length=64)] = ""
    """Unit that took the report, if one did."""


class StatusChange(Body):
    """What an agency's unit does with an assignment."""

    action: Action
    """What it does."""
    expected_version: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The version it saw; 0 skips the check."""
    reason_code: CodeOrNothing = ""
    """Coded reason; decline, hold, fail and refuse_cancel need one."""
    outcomes: Annotated[list[Code], Field(max_length=16)] = []
    """Coded outcomes; complete needs one."""
    occurred_at: AwareDatetime | None = None
    """When it truly happened; now when left out."""
    reached_by: Literal["", "in_person", "phone", "line", "via_reporter"] = ""
    """How the person was reached, for record_reached."""
    actor: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Officer or system, as the agency names it."""


class Acknowledgement(Body):
    """A human takes an alert in hand."""

    by: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """Who."""
    note: Annotated[str, StringConstraints(max_length=500)] = ""
    """What they will do."""
