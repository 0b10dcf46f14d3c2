"""Patience: the plain rule that people know, no improvement in so many trials."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.checks import is_whole
from trimtab.errors import ProblemError
from trimtab.ledger.table import TrialTable
from trimtab.space.condition import shown
from trimtab.space.problem import Problem
from trimtab.stop.path import path
from trimtab.stop.protocol import Verdict


@dataclass(frozen=True, slots=True)
class Patience:
    """Stop when the best result did not get better in `n` configurations, by however little.

    It looks at one objective; a study with several goes on.

    Raises:
        ProblemError: n is not a whole number above 0.
    """

    n: int

    def __post_init__(self) -> None:
        if not is_whole(self.n) or self.n < 1:
            raise ProblemError(f"patience is a number of trials, a whole number above 0; got {shown(self.n)}.")

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return whether the best result has stood for too long."""
        go_on = Verdict(stop=False, reason="", rule="patience")
        if len(problem.objectives) != 1:
            return go_on
        seen = path(table)
        if not len(seen.at) or seen.n - int(seen.at[-1]) < self.n:
            return go_on
        best = float(seen.best[-1]) * problem.objectives[0].sign
        name = problem.objectives[0].name
        reason = f"no improvement in {self.n:,} trials: {name} has stood at {best:.6g} since trial {seen.at[-1]:,}"
        return Verdict(stop=True, reason=reason, rule="patience")
