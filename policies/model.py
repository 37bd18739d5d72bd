"""The policy model: immutable values, read from `policies/data` and used by every service.

Codes are plain strings because they come from data: a fifth problem type is a row, not a class.
`source` says who said so: a source document (`s000`..`s004`), a statute, or `proposed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta

from policies.coverage import Coverage

HOST = "host"
"""Stands in a routing target for "the host agency of this case's problem type"."""


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in Thai and English."""

    th: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the words in `language`; anything but `en` reads Thai."""
        return self.en if language.lower().startswith("en") else self.th


@dataclass(frozen=True, slots=True)
class Term:
    """One code of a vocabulary: a channel, an urgency, a unit type, a reason, an outcome."""

    code: str
    name: Text
    source: str


@dataclass(frozen=True, slots=True)
class UnitType:
    code: str
    name: Text
    agency: str
    calendar: str
    """The calendar its units keep unless the registry says otherwise."""
    source: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every code list that is not a decision by itself."""

    urgencies: Mapping[str, Term]
    channels: Mapping[str, Term]
    roles: Mapping[str, Term]
    unit_types: Mapping[str, UnitType]
    risk_items: Mapping[str, Term]
    steps: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class ProblemType:
    code: str
    name: Text
    host_agency: str
    template: str
    """The step list (workflow template) that its cases follow."""
    crisis_hints: tuple[str, ...]
    """Risk items that make a case of this type a crisis at screening."""
    required: tuple[str, ...]
    """Report fields without which a referral of this type cannot leave."""
    asked: tuple[str, ...]
    """Fields a form asks for besides; none of them ever holds a case up."""
    source: str


@dataclass(frozen=True, slots=True)
class TemplateStep:
    code: str
    name: Text
    owner: str
    """The role that does it."""
    source: str


@dataclass(frozen=True, slots=True)
class EssCause:
    code: str
    name: Text
    problem_type: str
    """The problem type an ESS report of this cause opens with, until a person screens it."""
    source: str


@dataclass(frozen=True, slots=True)
class Ministry:
    code: str
    name: Text
    source: str


@dataclass(frozen=True, slots=True)
class Agency:
    code: str
    name: Text
    short: Text
    ministry: str
    """Whose executives are told about its work, and only theirs."""
    source: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where to look for a unit: the registry ranks the units that fit."""

    agency: str
    role: str
    unit_types: tuple[str, ...]
    """Empty means any unit of the agency that has the role for the problem type."""
    scope: str
    """`district`, `province` or `national`: how far from the incident to look."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Every non-empty field must hold; an empty one does not look."""

    problem_types: tuple[str, ...] = ()
    urgencies: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    ess: bool | None = None
    ess_causes: tuple[str, ...] = ()
    area: str | None = None
    """`bangkok` or `province`."""
    in_hours: bool | None = None


@dataclass(frozen=True, slots=True)
class RoutingRule:
    name: str
    when: Condition
    targets: tuple[Target, ...]
    """In order: who declines, is missing or hands over is followed by the next."""
    supporting: tuple[tuple[Target, ...], ...]
    """Each chain gets a referral of its own at the same moment as the lead."""
    fallback: str
    reason: Text
    source: str


@dataclass(frozen=True, slots=True)
class Routing:
    rules: tuple[RoutingRule, ...]
    fallbacks: Mapping[str, tuple[Target, ...]]
    unroutable: str
    """The fallback chain for a report that no rule matches."""


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """One obligation with a clock."""

    id: str
    step: str
    problem_types: tuple[str, ...]
    urgencies: tuple[str, ...]
    ess: bool | None
    budget: timedelta
    measure: str
    """`elapsed` (never pauses) or `working` (open time of `calendar`)."""
    calendar: str
    """A calendar's code, or `receiver`: the calendar of the unit that holds the work."""
    per: str
    """`case` or `assignment`: what one clock belongs to."""
    starts_on: tuple[str, ...]
    stops_on: tuple[str, ...]
    pauses_on: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Holiday:
    on: date
    name: Text
    kind: str
    """`public` or `government`."""


@dataclass(frozen=True, slots=True)
class Override:
    """A day whose hours an administrator changed; it wins over weekday and holiday."""

    on: date
    spans: tuple[tuple[time, time], ...]
    reason: Text
    source: str


@dataclass(frozen=True, slots=True)
class Calendar:
    code: str
    name: Text
    timezone: str
    always_open: bool
    week: Mapping[int, tuple[tuple[time, time], ...]]
    """ISO weekday (1 = Monday) to its open spans in local time; a missing day is closed."""
    holidays: frozenset[date]
    overrides: Mapping[date, Override]
    source: str


@dataclass(frozen=True, slots=True)
class Tier:
    """One of the three places that are told; its scope is computed from the case."""

    code: str
    name: Text
    scope: str
    """`all`, `ministry` (the holder's), `province` (the incident's) or `unit` (the holder)."""
    source: str


@dataclass(frozen=True, slots=True)
class Repeat:
    every: timedelta
    until: str
    within: str | None
    """A calendar outside which it waits; None repeats at any hour."""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    tiers: tuple[str, ...]
    role: str
    """`duty` (who answers now) or `head` (the next up the chain of command)."""
    after: timedelta
    """How long after the breach (or, for a signal, after it was raised)."""
    ack_within: timedelta
    if_nobody: str
    multi_ack: bool
    """Each tier must acknowledge for itself."""
    repeat: Repeat | None


@dataclass(frozen=True, slots=True)
class Forewarning:
    """Before a breach only the unit that holds the work is told."""

    at_percent: tuple[int, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    id: str
    steps_watched: tuple[str, ...]
    """Time-frame steps whose breach starts it; empty for a policy started by a signal."""
    signals: tuple[str, ...]
    priority: str
    dedup: tuple[str, ...]
    warn: Forewarning | None
    steps: tuple[EscalationStep, ...]
    ack_timeout: timedelta
    """Acknowledged, but the clock still runs: after this the same step is taken again."""
    source: str
    snooze_at_most: timedelta = timedelta(0)
    """How long a person may put it off, with a reason; nothing means not at all."""


@dataclass(frozen=True, slots=True)
class Priority:
    code: str
    channels: tuple[str, ...]
    parallel: bool
    """All channels at once, else the next one only when the one before failed."""
    may_bundle: bool
    resend_unknown: bool
    """A message of unknown fate is sent again, with the same reference."""
    bundle: timedelta = timedelta(0)
    """After a message to a desk the next ones wait this long and go as one."""
    quiet: tuple[time, time] | None = None
    """Between these hours, Bangkok's, messages wait for the morning."""
    limits: Mapping[str, Limit] = field(default_factory=dict)
    """Per channel, how many messages one desk gets."""


@dataclass(frozen=True, slots=True)
class Limit:
    count: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While one step of a case is overdue at a tier, the same tier hears nothing of another."""

    source_steps: tuple[str, ...]
    target_steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Digest:
    """A daily word to each desk of a tier about everything of its own that still stands."""

    tier: str
    at: time
    calendar: str
    """Days on which this calendar is closed all day have no digest."""
    channel: str


@dataclass(frozen=True, slots=True)
class Load:
    """How much one desk can carry: above it, that is said aloud."""

    shift: timedelta
    cap: int


@dataclass(frozen=True, slots=True)
class Escalation:
    tiers: Mapping[str, Tier]
    priorities: Mapping[str, Priority]
    policies: Mapping[str, EscalationPolicy]
    inhibitions: tuple[Inhibition, ...] = ()
    digests: tuple[Digest, ...] = ()
    load: Load | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What one kind of viewer sees of one field; `when` narrows it, else `otherwise` holds."""

    level: str
    when: str | None = None
    otherwise: str | None = None


@dataclass(frozen=True, slots=True)
class Visibility:
    viewers: Mapping[str, Term]
    fields: Mapping[str, Term]
    views: Mapping[tuple[str, str], View]
    """(field, viewer) to the view; the table is complete, the reader refuses a hole."""


@dataclass(frozen=True, slots=True)
class Reasons:
    decline: Mapping[str, Term]
    hold: Mapping[str, Term]
    cancel: Mapping[str, Term]
    fail: Mapping[str, Term]
    outcomes: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class FileVersion:
    version: int
    digest: str
    """SHA-256 of the file's bytes, in hex."""


@dataclass(frozen=True, slots=True)
class Policies:
    problem_types: Mapping[str, ProblemType]
    templates: Mapping[str, tuple[TemplateStep, ...]]
    ess_causes: Mapping[str, EssCause]
    ministries: Mapping[str, Ministry]
    agencies: Mapping[str, Agency]
    vocabulary: Vocabulary
    routing: Routing
    time_frames: tuple[TimeFrame, ...]
    calendars: Mapping[str, Calendar]
    holidays: tuple[Holiday, ...]
    escalation: Escalation
    visibility: Visibility
    reasons: Reasons
    coverage: Coverage
    versions: Mapping[str, FileVersion]
    """File stem (`routing`) to the version that was read; a decision stores these."""
    digest: str
    """SHA-256 over all files' names and digests, in hex."""

    def version_numbers(self) -> dict[str, int]:
        """Return file stem to version number, as `DataVersions.policy_versions` carries it."""
        return {stem: read.version for stem, read in sorted(self.versions.items())}

    def stamp(self) -> dict[str, str]:
        """Return what a decision stores: file stem to `version:digest prefix`, sorted."""
        return {
            stem: f"{read.version}:{read.digest[:12]}"
            for stem, read in sorted(self.versions.items())
        }
