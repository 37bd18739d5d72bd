"""A proof as a person reads it, and as a program does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from directory.proof.findings import (
    DISPROVED,
    FALLBACK,
    GAP,
    MISSING,
    OVERLAP,
    UNSUPPORTED,
    Finding,
)
from directory.proof.proving import Proof, ProofDiff

Namer = Callable[[str], str]
"""An area's code to its name."""
MEANING = {
    GAP: "SILENT GAP: nobody is asked",
    FALLBACK: "UNNAMED FALLBACK: a desk answers that no policy names for it",
    UNSUPPORTED: "NO SUPPORT: a supporting part that nobody takes",
    MISSING: "MISSING: too few units answer for the area",
    OVERLAP: "OVERLAP: more units answer for the area than may",
    DISPROVED: "DISPROVED: the resolver answers otherwise",
}
SHOWN = 25
"""How many lines of one kind are printed; the JSON form has all."""


def text(proof: Proof, name_of: Namer) -> Iterator[str]:
    """Yield the report line by line."""
    yield f"registry version {proof.version}, digest {proof.digest[:16]}"
    yield f"policies digest {proof.policy_digest[:16]}, as of {proof.at:%Y-%m-%d}"
    yield (
        f"{proof.subdistricts:,} sub-districts, {proof.questions:,} questions, "
        f"{proof.answered:,} answers; the resolver was asked {proof.asked_again:,} times"
    )
    for hours in proof.classes:
        yield f"  {hours.name:8} {', '.join(sorted(hours.open_calendars))}"
    yield ""
    yield from _table(proof.told)
    yield ""
    if proof.holds:
        yield "PROVED: every sub-district is answered by a unit or by a fallback that policy names"
        return
    yield f"NOT PROVED: {len(proof.findings):,} findings"
    yield from _findings(proof.findings, name_of)


def _table(told: Mapping[tuple[str, str, str, str], int]) -> Iterator[str]:
    by_question: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (kind, by, _, step), count in told.items():
        by_question[kind, by][step] += count
    yield f"{'who is asked':34} {'answers':>9}  by step"
    for (kind, by), steps in by_question.items():
        whole = steps.total()
        shares = ", ".join(f"{step} {count / whole:.1%}" for step, count in steps.most_common())
        who = (by or "no rule") if kind == "routing" else f"role {by}"
        yield f"{who:34} {whole:>9,}  {shares}"


def _findings(findings: Sequence[Finding], name_of: Namer) -> Iterator[str]:
    """Yield findings by kind; those of one question in one province are one line."""
    for kind, meaning in MEANING.items():
        lines: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.kind == kind:
                lines[finding.what, finding.place[:2], finding.detail].append(finding)
        if not lines:
            continue
        yield f"{meaning}"
        for (what, province, detail), found in list(lines.items())[:SHOWN]:
            count = sum(f.count for f in found)
            example = found[0].place
            where = f"{name_of(province)} ({province})"
            more = f", as {name_of(example)} ({example})" if len(example) > 2 else ""
            yield f"  {what}: {where}, {count} sub-districts{more}: {detail}"
        if len(lines) > SHOWN:
            yield f"  and {len(lines) - SHOWN} more"


def difference_text(diff: ProofDiff, name_of: Namer) -> Iterator[str]:
    """Yield what changed since the last release."""
    if not (diff.opened or diff.closed or diff.moved):
        yield "no answer comes from elsewhere than before"
        return
    if diff.opened:
        yield f"opened: {len(diff.opened):,}"
        yield from _findings(diff.opened, name_of)
    if diff.closed:
        yield f"closed: {len(diff.closed):,}"
        yield from _findings(diff.closed, name_of)
    for (question, was, now), count in list(diff.moved.items())[:SHOWN]:
        yield f"  {question}: {count} places from {was} to {now}"
    if len(diff.moved) > SHOWN:
        yield f"  and {len(diff.moved) - SHOWN} more questions"


def as_json(proof: Proof, diff: ProofDiff | None = None) -> dict[str, Any]:
    """Return the whole report for programs."""
    report: dict[str, Any] = {
        "registry_version": proof.version,
        "registry_digest": proof.digest,
        "policy_digest": proof.policy_digest,
        "as_of": proof.at.isoformat(),
        "holds": proof.holds,
        "subdistricts": proof.subdistricts,
        "questions": proof.questions,
        "answers": proof.answered,
        "resolver_asked": proof.asked_again,
        "hour_classes": [
            {"name": c.name, "at": c.at.isoformat(), "open": sorted(c.open_calendars)}
            for c in proof.classes
        ],
        "answered_by": [
            {"kind": kind, "by": by, "hours": hours, "step": step, "count": count}
            for (kind, by, hours, step), count in proof.told.items()
        ],
        "findings": [_finding(f) for f in proof.findings],
    }
    if diff is not None:
        report["opened"] = [_finding(f) for f in diff.opened]
        report["closed"] = [_finding(f) for f in diff.closed]
        report["moved"] = [
            {"question": q, "from": was, "to": now, "places": count}
            for (q, was, now), count in diff.moved.items()
        ]
    return report


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "what": finding.what,
        "place": finding.place,
        "subdistricts": finding.count,
        "detail": finding.detail,
    }
