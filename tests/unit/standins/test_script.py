"""The script of a stand-in: which rule serves which referral."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sandbox.standins.script import (
    DEFAULT_STEPS,
    FINAL,
    MOVES,
    Deed,
    Facts,
    Script,
    State,
    choose,
    steps_from_json,
    steps_to_json,
)

DECLINE = {"do": "decline", "reason": "no-capacity"}
FACTS = Facts(references=("a1",), unit="TH-MSDHS-5001-001", problem="violence", text="เรื่อง ก")


def script(**content: object) -> Script:
    return Script.model_validate(content)


def test_without_a_rule_the_agency_accepts_reaches_and_completes():
    steps, rule = choose(Script(), FACTS, {})
    assert [step.do for step in steps] == [Deed.ACCEPT, Deed.REACH, Deed.COMPLETE]
    assert rule == ""


def test_the_first_rule_that_fits_is_played():
    rules = [
        {"name": "other", "when": {"problem": "trafficking"}, "steps": []},
        {"name": "silent", "when": {"unit_prefix": "TH-MSDHS-50"}, "steps": []},
        {"name": "late", "when": {"problem": "violence"}, "steps": [DECLINE]},
    ]
    assert choose(script(rules=rules), FACTS, {}) == ((), "silent")


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ({"reference": "a1"}, True),
        ({"reference": "a2"}, False),
        ({"unit": "TH-MSDHS-5001-001"}, True),
        ({"unit": "TH-MSDHS-5001"}, False),
        ({"text": "เรื่อง"}, True),
        ({"urgency": "crisis"}, False),
        ({"problem": "violence", "reference": "a2"}, False),
        ({}, True),
    ],
)
def test_every_named_condition_must_hold(when: dict[str, str], fits: bool):
    steps, _ = choose(script(rules=[{"when": when, "steps": [DECLINE]}]), FACTS, {})
    assert (len(steps) == 1) is fits


def test_a_rule_with_a_limit_serves_so_many_referrals():
    rules = [{"name": "first", "when": {}, "steps": [DECLINE], "limit": 2}]
    asked = script(rules=rules)
    assert choose(asked, FACTS, {"first": 1})[1] == "first"
    assert choose(asked, FACTS, {"first": 2}) == (DEFAULT_STEPS, "")


def test_a_limit_without_a_name_is_refused():
    with pytest.raises(ValidationError, match="needs a name"):
        script(rules=[{"when": {}, "steps": [], "limit": 1}])


def test_a_misspelt_script_is_refused():
    with pytest.raises(ValidationError):
        script(rules=[{"when": {"unti": "x"}, "steps": []}])


def test_steps_are_read_back_as_they_were_written():
    assert steps_from_json(steps_to_json(DEFAULT_STEPS)) == DEFAULT_STEPS


def test_no_deed_is_allowed_on_a_closed_file():
    assert all(FINAL.isdisjoint(allowed) for allowed, _ in MOVES.values())
    assert State.DECLINED in FINAL
