"""The budget: trials, hours, cost. Nothing starts that it does not cover."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from trimtab.checks import is_number, is_whole
from trimtab.errors import ProblemError
from trimtab.explain import explained_class
from trimtab.ledger.table import TrialTable
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict

_ANY = 1 << 30
"""More trials than anybody starts."""


@explained_class
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent on a study in all, over every run, driver and worker.

    Attributes:
        trials: configurations, whatever becomes of them: failed, stopped and enqueued ones count, a trial that was
            lost and run again counts once.
        hours: wall time during which the study is worked on. Time between two runs does not count. What still runs at
            the end is stopped.
        cost: in the unit of the cost metric. No trial starts that is expected to overspend: its price is taken to be
            the mean so far, and what runs is counted in, at the mean price of what was run as far.

    Raises:
        ProblemError: no limit, or one that is not a positive number.
    """

    trials: int | None = None
    hours: float | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        if self.trials is None and self.hours is None and self.cost is None:
            raise ProblemError("a Budget needs at least one of trials=, hours=, cost=; none was given.")
        if self.trials is not None and not is_whole(self.trials):
            raise ProblemError(f"Budget(trials=...) is a whole number, got {self.trials!r}.")
        for name in ("trials", "hours", "cost"):
            value = getattr(self, name)
            if value is not None and (not is_number(value) or value <= 0):
                raise ProblemError(f"Budget({name}=...) is a number above 0, got {value!r}.")

    @classmethod
    def of(cls, budget: Budget | int) -> Budget:
        """Return `budget`, where a whole number stands for that many trials.

        Raises:
            ProblemError: it is neither.
        """
        if isinstance(budget, Budget):
            return budget
        if not is_whole(budget):
            raise ProblemError(f"budget is a Budget or a number of trials, got {budget!r}.")
        return cls(trials=budget)

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Return whether another trial is covered."""
        spent = self._time_and_money(table)
        if self.trials is None:
            return spent
        remaining = self.trials - table.n_begun
        if remaining <= 0:
            noun = "trial" if table.n_lines == len(table) else "configuration"
            reason = f"the budget of {_count(self.trials, noun)} is used up"
            return _used_up(reason, cancel=spent.cancel, continues=not spent.stop)
        if spent.stop:
            return spent
        return replace(spent, remaining=remaining if spent.remaining is None else min(spent.remaining, remaining))

    def _time_and_money(self, table: TrialTable) -> Verdict:
        """Return whether the hours and the cost cover another trial, or the continuation of one."""
        if self.hours is not None and table.elapsed >= self.hours * 3600:
            return _used_up(f"the budget of {self.hours:g} hours is used up", cancel=True)
        if self.cost is None:
            return Verdict(stop=False, reason="", rule="budget")
        affordable, reason = self._affordable(table)
        if affordable <= 0:
            return Verdict(stop=True, reason=reason, rule="budget", wait=price_awaited(table), remaining=0)
        return Verdict(stop=False, reason="", rule="budget", remaining=affordable)

    def _affordable(self, table: TrialTable) -> tuple[int, str]:
        if self.cost is None:
            return 1, ""
        known = table.spent[~np.isnan(table.spent)]
        spent = float(known.sum())
        if spent >= self.cost:
            return 0, f"the budget of {self.cost:g} is used up: {spent:g} was spent"
        if not len(known):  # nobody knows a price yet: let the first few find it out, one at a time
            return (1 if not table.n_running else 0), "the first trial's cost is awaited"
        price = spent / len(known)
        left = self.cost - spent - _pledged(table, price)
        if price <= 0:
            return _ANY, ""
        reason = f"{spent:g} of {self.cost:g} is spent, and another trial is expected to cost {price:.4g}"
        affordable = left / price * (1 + 1e-9)  # three trials of 0.1 are covered by 0.3, whatever floats say
        return math.floor(min(affordable, _ANY)), reason


def _pledged(table: TrialTable, price: float) -> float:
    """Return what the trials are expected to cost that run or were begun.

    Args:
        table: the trials.
        price: the mean cost of a trial, for those of which none is known that ran as far, from where they begin.
    """
    n = table.n_running + table.n_again
    if not n or not table.problem.fidelities:
        return price * n
    starts = np.where((table.parent >= 0)[:, None], table.fidelity[table.parent], np.nan)
    legs = np.column_stack([starts, table.fidelity])
    known = np.flatnonzero(~np.isnan(table.cost))
    pledged = 0.0
    for row in [*table.running, *table.again]:
        same = known[((legs[known] == legs[row]) | (np.isnan(legs[known]) & np.isnan(legs[row]))).all(axis=1)]
        pledged += float(table.cost[same].mean()) if len(same) else price
    return pledged


def price_awaited(table: TrialTable) -> bool:
    """Return whether nobody knows yet what a trial costs, and the first one runs."""
    return bool(table.n_running) and bool(np.isnan(table.cost).all())


def _used_up(reason: str, *, cancel: bool = False, continues: bool = False) -> Verdict:
    return Verdict(stop=True, reason=reason, rule="budget", cancel=cancel, remaining=0, continues=continues)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
