"""What a stand-in does with a referral: a script of rules, as data and pure functions.

A script is the first matching rule's steps, or `otherwise`. It is chosen when a referral arrives
and kept with it, so a restart goes on where it was and a new script changes only what comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator


class State(StrEnum):
    """Where a referral stands in the agency, before it is put in the agency's own words."""

    NEW = "new"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    DECLINED = "declined"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Deed(StrEnum):
    """What the agency does."""

    ACCEPT = "accept"
    DECLINE = "decline"
    START = "start"
    REACH = "reach"
    HOLD = "hold"
    RESUME = "resume"
    COMPLETE = "complete"
    FAIL = "fail"
    CONFIRM_CANCEL = "confirm_cancel"
    REFUSE_CANCEL = "refuse_cancel"


_AT_WORK = frozenset({State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD})
_OPEN = _AT_WORK | {State.NEW}

FINAL = frozenset(State) - _OPEN

MOVES: Mapping[Deed, tuple[frozenset[State], State | None]] = {
    Deed.ACCEPT: (frozenset({State.NEW}), State.ACCEPTED),
    Deed.DECLINE: (frozenset({State.NEW}), State.DECLINED),
    Deed.START: (frozenset({State.ACCEPTED}), State.IN_PROGRESS),
    Deed.REACH: (_AT_WORK, State.IN_PROGRESS),
    Deed.HOLD: (frozenset({State.ACCEPTED, State.IN_PROGRESS}), State.ON_HOLD),
    Deed.RESUME: (frozenset({State.ON_HOLD}), State.IN_PROGRESS),
    Deed.COMPLETE: (_AT_WORK, State.COMPLETED),
    Deed.FAIL: (_AT_WORK, State.FAILED),
    Deed.CONFIRM_CANCEL: (_OPEN, State.CANCELLED),
    Deed.REFUSE_CANCEL: (_OPEN, None),
}
"""From which states a deed may be done, and where it leads; None leaves the state."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Strict):
    """One deed, `after` so many seconds of the clock since the one before."""

    do: Deed
    after: float = Field(default=0.1, ge=0)
    reason: str = Field(default="", max_length=64)
    note: str = Field(default="", max_length=500)


class When(_Strict):
    """Which referrals a rule is for; what is not named is not asked."""

    reference: str | None = None
    unit: str | None = None
    unit_prefix: str | None = None
    problem: str | None = None
    urgency: str | None = None
    text: str | None = None

    def matches(self, facts: Facts) -> bool:
        """Whether every named condition holds of `facts`."""
        return (
            (self.reference is None or self.reference in facts.references)
            and (self.unit is None or self.unit == facts.unit)
            and (self.unit_prefix is None or facts.unit.startswith(self.unit_prefix))
            and (self.problem is None or self.problem == facts.problem)
            and (self.urgency is None or self.urgency == facts.urgency)
            and (self.text is None or self.text in facts.text)
        )


class Facts(_Strict):
    """What a rule may ask of a referral, as the protocol carried it."""

    references: tuple[str, ...] = ()
    unit: str = ""
    problem: str = ""
    urgency: str = ""
    text: str = ""


DEFAULT_STEPS: tuple[Step, ...] = (
    Step(do=Deed.ACCEPT),
    Step(do=Deed.REACH),
    Step(do=Deed.COMPLETE),
)


class Rule(_Strict):
    """Steps for the referrals that `when` names; no steps means never to act."""

    name: str = ""
    when: When
    steps: tuple[Step, ...]
    limit: int | None = Field(default=None, ge=1)
    """The rule serves so many referrals, then the next rule is asked."""

    @model_validator(mode="after")
    def _a_limit_needs_a_name(self) -> Rule:
        if self.limit is not None and not self.name:
            raise ValueError("a rule with a limit needs a name to be counted under")
        return self


class Script(_Strict):
    """The whole script of a stand-in."""

    rules: tuple[Rule, ...] = ()
    otherwise: tuple[Step, ...] = DEFAULT_STEPS
    on_cancel: Literal["confirm", "refuse", "ignore"] = "confirm"


_STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])


def choose(script: Script, facts: Facts, used: Mapping[str, int]) -> tuple[tuple[Step, ...], str]:
    """Return the steps for a referral and the name of the rule that gave them."""
    for rule in script.rules:
        spent = rule.limit is not None and used.get(rule.name, 0) >= rule.limit
        if not spent and rule.when.matches(facts):
            return rule.steps, rule.name
    return script.otherwise, ""


def steps_from_json(text: str) -> tuple[Step, ...]:
    """Read the steps that are kept with a referral."""
    return _STEPS.validate_json(text)


def steps_to_json(steps: tuple[Step, ...]) -> str:
    """Write the steps that are kept with a referral."""
    return _STEPS.dump_json(steps).decode()
