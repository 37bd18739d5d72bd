"""Match facts about one case against the rules: first match wins, and the answer says why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from policies.model import HOST, Condition, Policies, RoutingRule, Target, TimeFrame

BANGKOK = "10"
"""The DOPA code of Bangkok, which has no provincial office and rules of its own."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What routing may look at; no personal data."""

    problem_type: str
    urgency: str
    channel: str
    province: str | None
    """DOPA province code, or None when the place is unknown."""
    in_hours: bool
    ess_cause: str | None = None

    @property
    def area(self) -> str | None:
        if self.province is None:
            return None
        return "bangkok" if self.province == BANGKOK else "province"


@dataclass(frozen=True, slots=True)
class Route:
    """A routing decision before any unit is looked up: chains of targets, hosts filled in."""

    rule: str | None
    """None when nothing matched: the report is unroutable and goes to people at the centre."""
    reason: str
    targets: tuple[Target, ...]
    supporting: tuple[tuple[Target, ...], ...]
    fallback: tuple[Target, ...]


def _mismatch(when: Condition, facts: Facts) -> str | None:
    """Return the name of the first fact that does not fit, or None when all do."""
    holds = {
        "problem_type": not when.problem_types or facts.problem_type in when.problem_types,
        "urgency": not when.urgencies or facts.urgency in when.urgencies,
        "channel": not when.channels or facts.channel in when.channels,
        "ess": when.ess is None or when.ess == (facts.ess_cause is not None),
        "ess_cause": not when.ess_causes or facts.ess_cause in when.ess_causes,
        "area": when.area is None or when.area == facts.area,
        "in_hours": when.in_hours is None or when.in_hours == facts.in_hours,
    }
    return next((fact for fact, fits in holds.items() if not fits), None)


def match(rules: Iterable[RoutingRule], facts: Facts) -> tuple[RoutingRule | None, str]:
    """Return the first rule that fits `facts` and the reason, in codes that can be stored.

    A place that is unknown matches nothing: no unit can be near it.
    """
    if facts.area is None:
        return None, "place_unknown"
    passed: list[str] = []
    for rule in rules:
        failed = _mismatch(rule.when, facts)
        if failed is None:
            over = f"; passed over {', '.join(passed)}" if passed else ""
            return rule, f"{rule.name} matched{over}"
        passed.append(f"{rule.name} ({failed})")
    return None, f"no rule matched; passed over {', '.join(passed)}"


def route(policies: Policies, facts: Facts) -> Route:
    """Return the chains of targets for `facts`, with the host agency of its problem filled in."""
    routing = policies.routing
    rule, reason = match(routing.rules, facts)
    if rule is None or facts.problem_type not in policies.problem_types:
        why = reason if rule is None else "problem_type_unknown"
        return Route(None, why, (), (), routing.fallbacks[routing.unroutable])
    host = policies.problem_types[facts.problem_type].host_agency
    return Route(
        rule.name,
        reason,
        _with_host(rule.targets, host),
        tuple(_with_host(chain, host) for chain in rule.supporting),
        _with_host(routing.fallbacks[rule.fallback], host),
    )


def _with_host(chain: tuple[Target, ...], host: str) -> tuple[Target, ...]:
    return tuple(replace(t, agency=host) if t.agency == HOST else t for t in chain)


def frames_for(
    policies: Policies, *, problem_type: str, urgency: str, ess: bool
) -> tuple[TimeFrame, ...]:
    """Return the time frames that hold for a case: per step the first that fits."""
    chosen: dict[str, TimeFrame] = {}
    for frame in policies.time_frames:
        if frame.step in chosen:
            continue
        if frame.problem_types and problem_type not in frame.problem_types:
            continue
        if frame.urgencies and urgency not in frame.urgencies:
            continue
        if frame.ess is not None and frame.ess != ess:
            continue
        chosen[frame.step] = frame
    return tuple(chosen.values())
