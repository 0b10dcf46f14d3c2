"""What a stopping rule is: a verdict on the whole study, from the table alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to start another trial, and why (not).

    Attributes:
        stop: True when no further trial should start.
        reason: a sentence for a person.
        rule: the rule's name.
        cancel: True when running trials should be ended too.
        wait: True when nothing may start now, and it is too early to end the study.
        remaining: how many more trials may start now; None where the rule does not count.
        continues: True when, all the same, trials may start that go on with others: they are no configurations more.
        expected_gain, gain_interval, next_cost: what going on would bring and cost, where the rule knows; what is not
            finite counts as not known.
    """

    stop: bool
    reason: str
    rule: str
    cancel: bool = False
    wait: bool = False
    remaining: int | None = None
    continues: bool = False
    expected_gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    next_cost: float | None = None


class Stop(Protocol):
    """Says whether to go on; `table.now` is the time of the last record or tick."""

    def assess(self, problem: Problem, table: TrialTable) -> Verdict: ...
