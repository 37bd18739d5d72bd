"""The demo's result, as a table a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from directory.model import Unit
from sandbox.demo.expectation import Ending
from sandbox.demo.judgement import LEAD, DemoCase, Evidence
from sandbox.national.areas import provinces

YES, NO = "✓", "–"


def table_of(
    cases: Sequence[DemoCase], seen: Evidence, found: Mapping[str, Sequence[str]]
) -> Table:
    """Return one row a case; `found` names what is wrong with a case, by its id."""
    table = Table(
        "case", "channel", "problem", "province", "unit chosen", "by rule",
        "delivered", "accepted", "reached", "completed", "alerts", "as it should",
        box=None, pad_edge=False, header_style="bold",
    )  # fmt: skip
    names = {code: province.name_th for code, province in provinces().items()}
    alerts: dict[str, int] = {}
    for alert in seen.alerts:
        alerts[alert["case_id"]] = alerts.get(alert["case_id"], 0) + 1
    for case in cases:
        wrong = found[case.case_id]
        table.add_row(
            case.reference,
            case.report.channel,
            _problem(case),
            names.get(case.report.province, "ไม่ทราบ"),
            _units(case, seen.units),
            case.lead[0]["rule"] if case.lead else "",
            *(_mark(case, kind) for kind in ("delivered", "accepted", "reached")),
            YES if all(r["state"] == "completed" for r in case.referrals) else NO,
            str(alerts.get(case.case_id, 0)),
            "; ".join(wrong) if wrong else YES,
            style="red" if wrong else None,
        )
    return table


def _problem(case: DemoCase) -> str:
    report = case.report
    words = [f"ESS {report.ess_cause}" if report.ess else report.problem]
    if report.urgency != "normal" and not report.ess:
        words.append(report.urgency)
    if report.silent:
        words.append("silent")
    if report.expected.ending is not Ending.COMPLETED:
        words.append(report.expected.ending.value.replace("_", " "))
    return " ".join(words)


def _units(case: DemoCase, units: Mapping[str, Unit]) -> str:
    lead = " → ".join(units[it["unit_id"]].name_th for it in case.lead)
    others = [
        units[referral["assignments"][-1]["unit_id"]].name_th
        for referral in case.referrals
        if referral["part"] != LEAD
    ]
    return " + ".join([lead, *others])


def _mark(case: DemoCase, kind: str) -> str:
    return YES if kind in case.milestones() else NO
