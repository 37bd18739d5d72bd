"""Scenarios for the simulator: a case and what is done about it, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from mesh.errors import InvalidArgumentError
from policies.parse import duration
from services.alerting.domain.case import Case
from services.alerting.domain.casefile import Rules
from services.alerting.domain.simulation import Deed, Line, Simulation


def play(scenario: dict[str, Any], rules: Rules) -> list[Line]:
    """Return the timeline of a scenario:

    `{"at": instant, "case": {"province", "problem_type", "urgency", "ess_cause"?},
    "events": [{"after": "2h", "unit": id, "state": s} or {"after", "acknowledges": tier} or
    {"after", "signal": s} or {"after", "reached": true} or {"after", "closed": true}],
    "until": "72h"}`.
    """
    try:
        at = datetime.fromisoformat(scenario["at"])
        given = scenario["case"]
        case = Case(
            case_id=UUID(int=1),
            reference="simulated",
            province=given["province"],
            problem_types=(given["problem_type"],),
            ess_cause=given.get("ess_cause", ""),
            urgency=given["urgency"],
            silent=False,
            excluded=frozenset(given.get("excluded", ())),
            reported_at=at,
        )
        deeds = [(at + duration(e["after"]), _deed(e)) for e in scenario.get("events", ())]
        until = at + duration(scenario["until"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidArgumentError(
            f"not a scenario: {type(error).__name__} {error}", reason="SCENARIO"
        ) from None
    if at.tzinfo is None:
        raise InvalidArgumentError("a scenario's instant needs its zone", reason="SCENARIO")
    return Simulation.of(rules, case).play(deeds, until)


def _deed(event: dict[str, Any]) -> Deed:
    match event:
        case {"unit": unit, "state": state}:
            return _calling(lambda s: s.asks(unit, state))
        case {"acknowledges": tier}:
            return _calling(lambda s: s.acknowledges(tier))
        case {"signal": signal}:
            return _calling(lambda s: s.signals(signal))
        case {"reached": True}:
            return _calling(lambda s: s.ends(reached=True))
        case {"closed": True}:
            return _calling(lambda s: s.ends(reached=False))
        case _:
            raise ValueError(f"nothing is known of {sorted(event)}")


def _calling(deed: Callable[[Simulation], None]) -> Deed:
    return deed
