"""Check that every code one policy names is a row of another, and that no chain ends nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from policies.faults import Fault
from policies.model import HOST, Calendar, Policies, Target

RECEIVER = "receiver"
"""In a time frame: the calendar of the unit that holds the work."""


def _unknown(
    file: str, path: str, codes: Iterable[str], known: Collection[str], what: str
) -> Iterator[Fault]:
    for code in codes:
        if code not in known:
            yield Fault(f"{file}.yaml", path, f"{code!r} is not a known {what}")


def dangling(policies: Policies) -> Iterator[Fault]:
    """Yield a fault for each reference that leads nowhere."""
    yield from _problems(policies)
    yield from _agencies(policies)
    yield from _routing(policies)
    yield from _time_frames(policies)
    yield from _calendars(policies.calendars.values())
    yield from _escalation(policies)
    yield from _visibility(policies)
    yield from _coverage(policies)


def _problems(policies: Policies) -> Iterator[Fault]:
    for n, problem in enumerate(policies.problem_types.values()):
        at = f"$.problem_types[{n}]"
        yield from _unknown(
            "problems", f"{at}.host_agency", [problem.host_agency], policies.agencies, "agency"
        )
        yield from _unknown(
            "problems", f"{at}.template", [problem.template], policies.templates, "template"
        )
        yield from _unknown(
            "problems",
            f"{at}.crisis_hints",
            problem.crisis_hints,
            policies.vocabulary.risk_items,
            "risk item",
        )
    for n, cause in enumerate(policies.ess_causes.values()):
        yield from _unknown(
            "problems",
            f"$.ess_causes[{n}].problem_type",
            [cause.problem_type],
            policies.problem_types,
            "problem type",
        )
    for n, (_, steps) in enumerate(policies.templates.items()):
        for m, step in enumerate(steps):
            yield from _unknown(
                "templates",
                f"$.templates[{n}].steps[{m}].owner",
                [step.owner],
                policies.vocabulary.roles,
                "role",
            )


def _agencies(policies: Policies) -> Iterator[Fault]:
    for n, agency in enumerate(policies.agencies.values()):
        yield from _unknown(
            "agencies",
            f"$.agencies[{n}].ministry",
            [agency.ministry],
            policies.ministries,
            "ministry",
        )
    for n, kind in enumerate(policies.vocabulary.unit_types.values()):
        at = f"$.unit_types[{n}]"
        yield from _unknown(
            "vocabulary", f"{at}.agency", [kind.agency], policies.agencies, "agency"
        )
        yield from _unknown(
            "vocabulary", f"{at}.calendar", [kind.calendar], policies.calendars, "calendar"
        )


def _routing(policies: Policies) -> Iterator[Fault]:
    routing, vocabulary = policies.routing, policies.vocabulary
    for n, rule in enumerate(routing.rules):
        at = f"$.rules[{n}]"
        for field, codes, known in (
            ("problem_types", rule.when.problem_types, policies.problem_types),
            ("urgencies", rule.when.urgencies, vocabulary.urgencies),
            ("channels", rule.when.channels, vocabulary.channels),
            ("ess_causes", rule.when.ess_causes, policies.ess_causes),
        ):
            yield from _unknown("routing", f"{at}.when.{field}", codes, known, field[:-1])
        yield from _chain(policies, f"{at}.targets", rule.targets)
        for m, chain in enumerate(rule.supporting):
            yield from _chain(policies, f"{at}.supporting[{m}]", chain)
        yield from _unknown(
            "routing", f"{at}.fallback", [rule.fallback], routing.fallbacks, "fallback chain"
        )
    for name, chain in routing.fallbacks.items():
        yield from _chain(policies, f"$.fallbacks.{name}", chain)
        if chain[-1].scope != "national":
            yield Fault(
                "routing.yaml", f"$.fallbacks.{name}", "must end with a target of national scope"
            )
    yield from _unknown(
        "routing", "$.unroutable", [routing.unroutable], routing.fallbacks, "fallback chain"
    )


def _chain(
    policies: Policies, path: str, chain: tuple[Target, ...], file: str = "routing"
) -> Iterator[Fault]:
    types = policies.vocabulary.unit_types
    for n, target in enumerate(chain):
        at = f"{path}[{n}]"
        yield from _unknown(
            file, f"{at}.agency", [target.agency], {*policies.agencies, HOST}, "agency"
        )
        yield from _unknown(file, f"{at}.role", [target.role], policies.vocabulary.roles, "role")
        yield from _unknown(file, f"{at}.unit_types", target.unit_types, types, "unit type")
        for code in target.unit_types:
            if code in types and target.agency not in (HOST, types[code].agency):
                yield Fault(
                    f"{file}.yaml", f"{at}.unit_types", f"{code!r} is not of {target.agency!r}"
                )


def _time_frames(policies: Policies) -> Iterator[Fault]:
    for n, frame in enumerate(policies.time_frames):
        at = f"$.time_frames[{n}]"
        for field, codes, known, what in (
            ("step", [frame.step], policies.vocabulary.steps, "step"),
            ("problem_types", frame.problem_types, policies.problem_types, "problem type"),
            ("urgencies", frame.urgencies, policies.vocabulary.urgencies, "urgency"),
            ("calendar", [frame.calendar], {*policies.calendars, RECEIVER}, "calendar"),
        ):
            yield from _unknown("time_frames", f"{at}.{field}", codes, known, what)
        if not frame.budget:
            yield Fault("time_frames.yaml", f"{at}.budget", "must be longer than nothing")
        if frame.measure == "elapsed" and frame.pauses_on:
            yield Fault("time_frames.yaml", f"{at}.pauses_on", "elapsed time never pauses")


def _calendars(calendars: Iterable[Calendar]) -> Iterator[Fault]:
    for n, calendar in enumerate(calendars):
        if not calendar.always_open and not calendar.week:
            yield Fault("calendars.yaml", f"$.calendars[{n}].week", "is never open")


def _escalation(policies: Policies) -> Iterator[Fault]:
    escalation = policies.escalation
    for n, policy in enumerate(escalation.policies.values()):
        at = f"$.policies[{n}]"
        yield from _unknown(
            "escalation",
            f"{at}.priority",
            [policy.priority],
            escalation.priorities,
            "priority",
        )
        yield from _unknown(
            "escalation",
            f"{at}.steps_watched",
            policy.steps_watched,
            policies.vocabulary.steps,
            "step",
        )
        for m, step in enumerate(policy.steps):
            yield from _unknown(
                "escalation", f"{at}.steps[{m}].tiers", step.tiers, escalation.tiers, "tier"
            )
            if step.repeat and step.repeat.within:
                yield from _unknown(
                    "escalation",
                    f"{at}.steps[{m}].repeat.within",
                    [step.repeat.within],
                    policies.calendars,
                    "calendar",
                )
            if m and step.after < policy.steps[m - 1].after:
                yield Fault(
                    "escalation.yaml", f"{at}.steps[{m}].after", "is before the step above it"
                )
        last = policy.steps[-1]
        if last.repeat is None or "central" not in last.tiers:
            yield Fault(
                "escalation.yaml",
                f"{at}.steps[{len(policy.steps) - 1}]",
                "the last step must tell central and repeat until a person acts",
            )
    yield from _quieting(policies)
    watched = [step for p in escalation.policies.values() for step in p.steps_watched]
    for frame in policies.time_frames:
        count = watched.count(frame.step)
        if count != 1:
            yield Fault(
                "escalation.yaml",
                "$.policies",
                f"the step {frame.step!r} is watched by {count} policies, not by one",
            )


def _quieting(policies: Policies) -> Iterator[Fault]:
    escalation, steps = policies.escalation, policies.vocabulary.steps
    for n, inhibition in enumerate(escalation.inhibitions):
        for field in ("source_steps", "target_steps"):
            codes = getattr(inhibition, field)
            yield from _unknown("escalation", f"$.inhibit[{n}].{field}", codes, steps, "step")
        if set(inhibition.source_steps) & set(inhibition.target_steps):
            yield Fault("escalation.yaml", f"$.inhibit[{n}]", "a step cannot silence itself")
    for n, digest in enumerate(escalation.digests):
        at = f"$.digests[{n}]"
        yield from _unknown("escalation", at, [digest.tier], escalation.tiers, "tier")
        yield from _unknown("escalation", at, [digest.calendar], policies.calendars, "calendar")
    for n, priority in enumerate(escalation.priorities.values()):
        at = f"$.priorities[{n}]"
        for channel in priority.limits.keys() - set(priority.channels):
            yield Fault("escalation.yaml", f"{at}.limits", f"{channel!r} is not its channel")
        if priority.bundle and not priority.may_bundle:
            yield Fault("escalation.yaml", f"{at}.bundle", "this priority may not be bundled")


def _visibility(policies: Policies) -> Iterator[Fault]:
    visibility = policies.visibility
    for n, field in enumerate(visibility.fields):
        at = f"$.fields[{n}].views"
        for viewer in visibility.viewers:
            if (field, viewer) not in visibility.views:
                yield Fault("visibility.yaml", at, f"says nothing about {viewer!r}")
        yield from _unknown(
            "visibility",
            at,
            [viewer for f, viewer in visibility.views if f == field],
            visibility.viewers,
            "viewer",
        )


def _coverage(policies: Policies) -> Iterator[Fault]:
    coverage, words = policies.coverage, policies.vocabulary
    for n, duty in enumerate(coverage.duties):
        at = f"$.duties[{n}]"
        yield from _unknown("coverage", f"{at}.role", [duty.role], words.roles, "role")
        yield from _chain(policies, f"{at}.chain", duty.chain, "coverage")
        yield from _unknown(
            "coverage", f"{at}.fallback", [duty.fallback], policies.routing.fallbacks, "fallback"
        )
    # `by` may name a rule that an operator's routing does not have: then it accepts nothing.
    for n, accepted in enumerate(coverage.accepted):
        for field, codes, known in (
            ("problem_types", accepted.problem_types, policies.problem_types),
            ("urgencies", accepted.urgencies, words.urgencies),
        ):
            yield from _unknown("coverage", f"$.accepted[{n}].{field}", codes, known, field)
    for n, row in enumerate(coverage.jurisdictions):
        at = f"$.jurisdictions[{n}]"
        yield from _unknown(
            "coverage", f"{at}.unit_types", row.unit_types, words.unit_types, "unit type"
        )
        if row.at_most is not None and row.at_most < row.at_least:
            yield Fault("coverage.yaml", f"{at}.at_most", "is less than at_least")
