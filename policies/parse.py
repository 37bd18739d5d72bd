"""Turn documents that passed their schema into typed values.

A value that the schema cannot judge (a span that ends before it starts, a day that is none) is a
fault, collected like every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from policies import coverage, model
from policies.faults import Fault

Row = Mapping[str, Any]
T = TypeVar("T")

_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class _Rows:
    """Walks a list of rows and keeps the file and path for the fault it may meet."""

    def __init__(self, file: str, faults: list[Fault]) -> None:
        self.file = file
        self._faults = faults

    def keyed(
        self, rows: Iterable[Row], path: str, build: Callable[[Row], T], key: str = "code"
    ) -> Mapping[str, T]:
        """Return the built rows by their key, in order; a key that stands twice is a fault."""
        built: dict[str, T] = {}
        for n, row in enumerate(rows):
            if row[key] in built:
                self.fault(f"{path}[{n}].{key}", f"{row[key]!r} stands twice")
            value = self.one(row, f"{path}[{n}]", build)
            if value is not None:
                built[row[key]] = value
        return MappingProxyType(built)

    def one(self, row: Row, path: str, build: Callable[[Row], T]) -> T | None:
        """Return the built row, or None and a fault when a value makes no sense."""
        try:
            return build(row)
        except (ValueError, KeyError) as error:
            self.fault(path, str(error))
            return None

    def fault(self, path: str, message: str) -> None:
        self._faults.append(Fault(f"{self.file}.yaml", path, message))


def duration(text: str) -> timedelta:
    """Return `5m`, `24h`, `30d` as a length; a day is 24 hours."""
    return timedelta(seconds=int(text[:-1]) * _UNIT[text[-1]])


def _text(row: Row) -> model.Text:
    return model.Text(row["th"], row["en"])


def _term(row: Row) -> model.Term:
    return model.Term(row["code"], _text(row["name"]), row["source"])


def _strings(row: Row, key: str) -> tuple[str, ...]:
    return tuple(row.get(key, ()))


def _spans(texts: Iterable[str]) -> tuple[tuple[time, time], ...]:
    """Return `08:30-16:30` as local times, in order and apart."""
    spans: list[tuple[time, time]] = []
    for text in texts:
        start, end = (time.fromisoformat(part) for part in text.split("-"))
        if start >= end:
            raise ValueError(f"the span {text} ends before it starts")
        if spans and start < spans[-1][1]:
            raise ValueError(f"the span {text} overlaps the one before it")
        spans.append((start, end))
    return tuple(spans)


def _unit_type(row: Row) -> model.UnitType:
    return model.UnitType(
        row["code"], _text(row["name"]), row["agency"], row["calendar"], row["source"]
    )


def _vocabulary(document: Row, rows: _Rows) -> model.Vocabulary:
    def terms(key: str) -> Mapping[str, model.Term]:
        return rows.keyed(document[key], f"$.{key}", _term)

    return model.Vocabulary(
        urgencies=terms("urgencies"),
        channels=terms("channels"),
        roles=terms("roles"),
        unit_types=rows.keyed(document["unit_types"], "$.unit_types", _unit_type),
        risk_items=terms("risk_items"),
        steps=terms("steps"),
    )


def _problem_type(row: Row) -> model.ProblemType:
    return model.ProblemType(
        code=row["code"],
        name=_text(row["name"]),
        host_agency=row["host_agency"],
        template=row["template"],
        crisis_hints=_strings(row, "crisis_hints"),
        required=_strings(row, "required"),
        asked=_strings(row, "asked"),
        source=row["source"],
    )


def _ess_cause(row: Row) -> model.EssCause:
    return model.EssCause(row["code"], _text(row["name"]), row["problem_type"], row["source"])


def _template(row: Row) -> tuple[model.TemplateStep, ...]:
    return tuple(
        model.TemplateStep(step["code"], _text(step["name"]), step["owner"], step["source"])
        for step in row["steps"]
    )


def _ministry(row: Row) -> model.Ministry:
    return model.Ministry(row["code"], _text(row["name"]), row["source"])


def _agency(row: Row) -> model.Agency:
    return model.Agency(
        row["code"], _text(row["name"]), _text(row["short"]), row["ministry"], row["source"]
    )


def _chain(rows: Iterable[Row]) -> tuple[model.Target, ...]:
    return tuple(
        model.Target(row["agency"], row["role"], _strings(row, "unit_types"), row["scope"])
        for row in rows
    )


def _rule(row: Row) -> model.RoutingRule:
    when = row["when"]
    return model.RoutingRule(
        name=row["name"],
        when=model.Condition(
            problem_types=_strings(when, "problem_types"),
            urgencies=_strings(when, "urgencies"),
            channels=_strings(when, "channels"),
            ess=when.get("ess"),
            ess_causes=_strings(when, "ess_causes"),
            area=when.get("area"),
            in_hours=when.get("in_hours"),
        ),
        targets=_chain(row["targets"]),
        supporting=tuple(_chain(chain) for chain in row.get("supporting", ())),
        fallback=row["fallback"],
        reason=_text(row["reason"]),
        source=row["source"],
    )


def _routing(document: Row, rows: _Rows) -> model.Routing:
    return model.Routing(
        rules=tuple(rows.keyed(document["rules"], "$.rules", _rule, key="name").values()),
        fallbacks=MappingProxyType(
            {name: _chain(chain) for name, chain in document["fallbacks"].items()}
        ),
        unroutable=document["unroutable"],
    )


def _time_frame(row: Row) -> model.TimeFrame:
    if row["measure"] == "working" and row["budget"].endswith("d"):
        raise ValueError("working time is given in hours or minutes: a day is not a working day")
    return model.TimeFrame(
        id=row["id"],
        step=row["step"],
        problem_types=_strings(row, "problem_types"),
        urgencies=_strings(row, "urgencies"),
        ess=row.get("ess"),
        budget=duration(row["budget"]),
        measure=row["measure"],
        calendar=row["calendar"],
        per=row["per"],
        starts_on=_strings(row, "starts_on"),
        stops_on=_strings(row, "stops_on"),
        pauses_on=_strings(row, "pauses_on"),
        source=row["source"],
    )


def _holiday(row: Row) -> model.Holiday:
    return model.Holiday(date.fromisoformat(row["on"]), _text(row["name"]), row["kind"])


def _override(row: Row) -> model.Override:
    return model.Override(
        date.fromisoformat(row["on"]), _spans(row["spans"]), _text(row["reason"]), row["source"]
    )


def _calendar(row: Row, holidays: Iterable[model.Holiday]) -> model.Calendar:
    ZoneInfo(row["timezone"])
    overrides: dict[date, model.Override] = {}
    for override in map(_override, row.get("overrides", ())):
        if override.on in overrides:
            raise ValueError(f"the override of {override.on} stands twice")
        overrides[override.on] = override
    return model.Calendar(
        code=row["code"],
        name=_text(row["name"]),
        timezone=row["timezone"],
        always_open=row["always_open"],
        week=MappingProxyType(
            {_WEEKDAYS.index(day) + 1: _spans(texts) for day, texts in row.get("week", {}).items()}
        ),
        holidays=frozenset(
            holiday.on for holiday in holidays if holiday.kind in row.get("holiday_kinds", ())
        ),
        overrides=MappingProxyType(overrides),
        source=row["source"],
    )


def _tier(row: Row) -> model.Tier:
    return model.Tier(row["code"], _text(row["name"]), row["scope"], row["source"])


def _priority(row: Row) -> model.Priority:
    return model.Priority(
        row["code"],
        _strings(row, "channels"),
        row["parallel"],
        row["may_bundle"],
        row["resend_unknown"],
        duration(row.get("bundle", "0s")),
        _quiet(row["quiet"]) if "quiet" in row else None,
        {channel: _limit(text) for channel, text in row.get("limits", {}).items()},
    )


def _quiet(text: str) -> tuple[time, time]:
    start, end = (time.fromisoformat(part) for part in text.split("-"))
    if start == end:
        raise ValueError("quiet hours that begin when they end are none")
    return start, end


def _limit(text: str) -> model.Limit:
    count, _, within = text.partition("/")
    return model.Limit(int(count), duration(within))


def _escalation_step(row: Row) -> model.EscalationStep:
    repeat = row.get("repeat")
    return model.EscalationStep(
        tiers=_strings(row, "tiers"),
        role=row["role"],
        after=duration(row["after"]),
        ack_within=duration(row["ack_within"]),
        if_nobody=row["if_nobody"],
        multi_ack=row["multi_ack"],
        repeat=None
        if repeat is None
        else model.Repeat(duration(repeat["every"]), repeat["until"], repeat.get("within")),
    )


def _escalation_policy(row: Row) -> model.EscalationPolicy:
    warn = row.get("warn")
    return model.EscalationPolicy(
        id=row["id"],
        steps_watched=_strings(row, "steps_watched"),
        signals=_strings(row, "signals"),
        priority=row["priority"],
        dedup=_strings(row, "dedup"),
        warn=None
        if warn is None
        else model.Forewarning(tuple(sorted(warn["at_percent"])), _strings(warn, "roles")),
        steps=tuple(_escalation_step(step) for step in row["steps"]),
        ack_timeout=duration(row["ack_timeout"]),
        source=row["source"],
        snooze_at_most=duration(row.get("snooze_at_most", "0s")),
    )


def _digest(row: Row) -> model.Digest:
    return model.Digest(row["tier"], time.fromisoformat(row["at"]), row["calendar"], row["channel"])


def _escalation(document: Row, rows: _Rows) -> model.Escalation:
    load = document.get("load")
    return model.Escalation(
        tiers=rows.keyed(document["tiers"], "$.tiers", _tier),
        priorities=rows.keyed(document["priorities"], "$.priorities", _priority),
        policies=rows.keyed(document["policies"], "$.policies", _escalation_policy, key="id"),
        inhibitions=tuple(
            model.Inhibition(tuple(row["source_steps"]), tuple(row["target_steps"]))
            for row in document.get("inhibit", ())
        ),
        digests=tuple(_digest(row) for row in document.get("digests", ())),
        load=model.Load(duration(load["shift"]), load["cap"]) if load else None,
    )


def _view(value: str | Row) -> model.View:
    if isinstance(value, str):
        return model.View(value)
    return model.View(value["level"], value["when"], value["otherwise"])


def _visibility(document: Row, rows: _Rows) -> model.Visibility:
    return model.Visibility(
        viewers=rows.keyed(document["viewers"], "$.viewers", _term),
        fields=rows.keyed(document["fields"], "$.fields", _term),
        views=MappingProxyType(
            {
                (field["code"], viewer): _view(value)
                for field in document["fields"]
                for viewer, value in field["views"].items()
            }
        ),
    )


def _reasons(document: Row, rows: _Rows) -> model.Reasons:
    return model.Reasons(
        **{
            key: rows.keyed(document[key], f"$.{key}", _term)
            for key in ("decline", "hold", "cancel", "fail", "outcomes")
        }
    )


def _duty(row: Row) -> coverage.Duty:
    return coverage.Duty(row["role"], _chain(row["chain"]), row["fallback"], row["source"])


def _accepted(row: Row) -> coverage.Accepted:
    return coverage.Accepted(
        row["step"],
        _strings(row, "by"),
        _strings(row, "problem_types"),
        _strings(row, "urgencies"),
        row.get("in_hours"),
        _text(row["reason"]),
        row["source"],
    )


def _jurisdiction(row: Row) -> coverage.Jurisdiction:
    return coverage.Jurisdiction(
        _strings(row, "unit_types"),
        row["every"],
        row.get("area"),
        row["at_least"],
        row.get("at_most"),
        row["source"],
    )


def _coverage(document: Row, rows: _Rows) -> coverage.Coverage:
    return coverage.Coverage(
        duties=tuple(rows.keyed(document["duties"], "$.duties", _duty, key="role").values()),
        accepted=tuple(map(_accepted, document["accepted"])),
        jurisdictions=tuple(map(_jurisdiction, document["jurisdictions"])),
        capacity_fresh_for=duration(document["capacity_fresh_for"]),
    )


def policies(
    documents: Mapping[str, Row],
    versions: Mapping[str, model.FileVersion],
    digest: str,
    faults: list[Fault],
) -> model.Policies | None:
    """Return the typed whole; None, and the faults, when any value makes no sense."""

    def rows(stem: str) -> _Rows:
        return _Rows(stem, faults)

    holidays = tuple(
        built
        for n, row in enumerate(documents["holidays_th"]["holidays"])
        if (built := rows("holidays_th").one(row, f"$.holidays[{n}]", _holiday)) is not None
    )
    problems, agencies = documents["problems"], documents["agencies"]
    read = model.Policies(
        problem_types=rows("problems").keyed(
            problems["problem_types"], "$.problem_types", _problem_type
        ),
        templates=rows("templates").keyed(
            documents["templates"]["templates"], "$.templates", _template
        ),
        ess_causes=rows("problems").keyed(problems["ess_causes"], "$.ess_causes", _ess_cause),
        ministries=rows("agencies").keyed(agencies["ministries"], "$.ministries", _ministry),
        agencies=rows("agencies").keyed(agencies["agencies"], "$.agencies", _agency),
        vocabulary=_vocabulary(documents["vocabulary"], rows("vocabulary")),
        routing=_routing(documents["routing"], rows("routing")),
        time_frames=tuple(
            rows("time_frames")
            .keyed(documents["time_frames"]["time_frames"], "$.time_frames", _time_frame, key="id")
            .values()
        ),
        calendars=rows("calendars").keyed(
            documents["calendars"]["calendars"],
            "$.calendars",
            lambda row: _calendar(row, holidays),
        ),
        holidays=holidays,
        escalation=_escalation(documents["escalation"], rows("escalation")),
        visibility=_visibility(documents["visibility"], rows("visibility")),
        reasons=_reasons(documents["reasons"], rows("reasons")),
        coverage=_coverage(documents["coverage"], rows("coverage")),
        versions=versions,
        digest=digest,
    )
    return None if faults else read
