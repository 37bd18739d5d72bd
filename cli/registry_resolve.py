"""`songtor registry resolve`: who is responsible here, for this, now; and why."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cli.directories import read_file, registry, released, shipped, snapshot_of
from cli.registry_prove import policies
from directory.decide import OFFICE_HOURS, Decider, Decision, Question
from directory.model import Place, Point, Snapshot, Unit
from directory.places.locate import Located, Locator
from directory.places.names import full_name
from directory.resolve import Candidate, Resolution

BANGKOK_TIME = ZoneInfo("Asia/Bangkok")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    problem: str
    pin: Point | None
    place: str
    address: str
    urgency: str
    ess: str
    languages: tuple[str, ...]
    excluded: frozenset[str]
    at: datetime


async def run(
    asked: Asked, *, explain: bool, as_json: bool, file: Path | None, hub: bool, data: Path | None
) -> int:
    """Locate, decide for every province that is near, print; 0 when somebody answers."""
    decider = Decider(policies())
    wrong = _wrong(asked, decider)
    if wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    if hub:
        async with registry(data) as opened:
            snapshot = await released(opened)
    else:
        snapshot = snapshot_of(read_file(file).units) if file else shipped()
    located = _located(asked)
    answers = [
        (place, _decide(decider, snapshot, asked, place)) for place in _places(asked, located)
    ]
    # At a border the province whose unit is nearest responds first.
    answers.sort(key=lambda answer: _distance(answer[1]))
    if as_json:
        print(json.dumps(_as_json(asked, located, answers, snapshot, decider), ensure_ascii=False))
    else:
        for line in _text(asked, located, answers, snapshot, decider, explain=explain):
            print(line)
    return 0 if all(decision.lead.chosen for _, decision in answers) else 1


def _wrong(asked: Asked, decider: Decider) -> str:
    known = decider.policies
    checks = (
        (asked.problem, known.problem_types, "problem type"),
        (asked.urgency, known.vocabulary.urgencies, "urgency"),
        (asked.ess, {"", *known.ess_causes}, "cause of an emergency"),
    )
    for code, codes, what in checks:
        if code not in codes:
            return f"{code!r} is no {what}; known are {', '.join(c for c in codes if c)}"
    if not (asked.pin or asked.place or asked.address):
        return "say where: --lat and --lon, --place or --address"
    return ""


def _located(asked: Asked) -> Located:
    folder = os.environ.get("SONGTOR_GEO_DIR", "")
    locator = Locator(Path(folder) if folder else None)
    if asked.place:
        return locator.code(asked.place)
    return locator.pin(asked.pin) if asked.pin else locator.words(asked.address)


def _places(asked: Asked, located: Located) -> list[Place]:
    """Return one place for each province that may be meant; none known is asked as it is."""
    if located.quality == "border":
        return [Place.of(found.code, asked.pin) for found in located.found]
    return [located.place(asked.pin)]


def _decide(decider: Decider, snapshot: Snapshot, asked: Asked, place: Place) -> Decision:
    question = Question(
        place=place,
        problem_type=asked.problem,
        urgency="crisis" if asked.ess else asked.urgency,
        at=asked.at,
        ess_cause=asked.ess or None,
        excluded=asked.excluded,
        languages=asked.languages,
    )
    return decider.decide(snapshot, question)


def _distance(decision: Decision) -> float:
    chosen = decision.lead.chosen
    return chosen.distance_km if chosen and chosen.distance_km is not None else float("inf")


def _text(
    asked: Asked,
    located: Located,
    answers: list[tuple[Place, Decision]],
    snapshot: Snapshot,
    decider: Decider,
    *,
    explain: bool,
) -> Iterator[str]:
    local = asked.at.astimezone(BANGKOK_TIME)
    hours = "office hours" if OFFICE_HOURS in decider.open_calendars(asked.at) else "out of hours"
    what = f"emergency ({asked.ess})" if asked.ess else asked.urgency
    yield f"{asked.problem}, {what}, {local:%a %d %b %Y %H:%M} Thai time: {hours}"
    yield from _where(asked, located)
    for place, decision in answers:
        yield ""
        if len(answers) > 1:
            yield f"as {_name(place.district or place.province)}:"
        yield from _decision(decision, snapshot, explain=explain)
    yield ""
    yield (
        f"registry version {snapshot.version} ({snapshot.digest[:12]}), "
        f"policies {decider.policies.digest[:12]}"
    )


def _where(asked: Asked, located: Located) -> Iterator[str]:
    pin = f"{asked.pin[0]}, {asked.pin[1]} " if asked.pin else ""
    yield f"place: {pin}{located.quality}"
    for found in located.found:
        guess = ", approximate: please check" if found.approximate else ""
        km = f", {found.distance_km:.1f} km away" if found.distance_km else ""
        yield f"  {found.code} {_name(found.code)}{km}{guess}"


def _name(code: str) -> str:
    names = full_name(code) if code else ()
    thai = " ".join(name.th for name in names)
    english = ", ".join(name.en for name in names)
    return f"{thai} ({english})" if names else "nowhere"


def _decision(decision: Decision, snapshot: Snapshot, *, explain: bool) -> Iterator[str]:
    yield from _resolution("lead", decision.lead, snapshot, explain=explain)
    for number, found in zip(decision.chains, decision.supporting, strict=True):
        yield from _resolution(f"supporting {number}", found, snapshot, explain=explain)
    if explain:
        yield f"rule: {decision.rule or 'none'}"
        for part in decision.reason.split("; "):
            yield f"  {part}"


def _resolution(
    part: str, found: Resolution, snapshot: Snapshot, *, explain: bool
) -> Iterator[str]:
    if found.chosen is None:
        yield f"{part}: NOBODY: people at the centre must look"
    for number, candidate in enumerate(found.ranked):
        if number == 0:
            yield f"{part}: {_unit(candidate, snapshot)}"
        elif explain:
            yield f"  then {_unit(candidate, snapshot)}"
    if explain:
        yield f"  steps: {' -> '.join(found.steps)}"
        for candidate in found.passed_over:
            yield f"  passed over {_unit(candidate, snapshot)}"


def _unit(candidate: Candidate, snapshot: Snapshot) -> str:
    unit: Unit = snapshot.units[candidate.unit_id]
    km = "" if candidate.distance_km is None else f", {candidate.distance_km:.1f} km"
    made_up = ", synthetic" if unit.synthetic else ""
    return (
        f"{unit.id} {unit.name_th} / {unit.name_en} [{unit.hours}]{km}: {candidate.reason}{made_up}"
    )


def _as_json(
    asked: Asked,
    located: Located,
    answers: list[tuple[Place, Decision]],
    snapshot: Snapshot,
    decider: Decider,
) -> dict[str, Any]:
    def candidate(item: Candidate) -> dict[str, Any]:
        return {
            "unit_id": item.unit_id,
            "agency": item.agency,
            "reason": item.reason,
            "distance_km": item.distance_km,
        }

    def resolution(item: Resolution) -> dict[str, Any]:
        return {
            "ranked": [candidate(c) for c in item.ranked],
            "passed_over": [candidate(c) for c in item.passed_over],
            "steps": list(item.steps),
        }

    return {
        "at": asked.at.isoformat(),
        "quality": located.quality,
        "places": [
            {"code": f.code, "distance_km": f.distance_km, "approximate": f.approximate}
            for f in located.found
        ],
        "answers": [
            {
                "province": place.province,
                "rule": decision.rule,
                "reason": decision.reason,
                "lead": resolution(decision.lead),
                "supporting": [resolution(found) for found in decision.supporting],
            }
            for place, decision in answers
        ],
        "registry_version": snapshot.version,
        "registry_digest": snapshot.digest,
        "policy_digest": decider.policies.digest,
    }
