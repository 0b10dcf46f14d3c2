"""The target: good enough is the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict


@dataclass(frozen=True, slots=True)
class Target:
    """Stop as soon as one complete, whole trial meets the target of every objective that has one, and every constraint.

    Trials that run then are ended: what they could bring is not needed.
    """

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return whether the target is met."""
        wanted = [m for m in problem.objectives if m.target is not None]
        if not wanted:
            return Verdict(stop=False, reason="", rule="target")
        met = (table.state == COMPLETE) & (table.fidelity == np.array(problem.whole)).all(axis=1)
        losses = table.losses()
        for column, metric in enumerate(problem.metrics):
            limit = metric.target if metric in wanted else metric.bound
            if limit is not None:
                met &= losses[:, column] <= limit * problem.signs[column]
        rows = np.flatnonzero(met)
        if not len(rows):
            return Verdict(stop=False, reason="", rule="target")
        row = int(rows[0])
        column = problem.metrics.index(wanted[0])
        goal = f"{wanted[0].name} {'<=' if problem.signs[column] > 0 else '>='} {wanted[0].target:g}"
        reason = f"the target {goal} is met by trial {row} with {table.y[row, column]:g}"
        return Verdict(stop=True, reason=reason, rule="target", cancel=True, remaining=0)
