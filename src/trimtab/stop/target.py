"""The target: good enough is the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import met, over
from trimtab.space.problem import Problem
from trimtab.stop.protocol import Verdict


@dataclass(frozen=True, slots=True)
class Target:
    """Stop as soon as one complete, whole trial meets the target of every objective that has one, and every constraint.

    Trials that run then are ended: what they could bring is not needed.
    """

    def assess(self, problem: Problem, table: TrialTable) -> Verdict:
        """Return whether the target is met."""
        wanted = [(metric, metric.target) for metric in problem.objectives if metric.target is not None]
        if not wanted:
            return Verdict(stop=False, reason="", rule="target")
        is_whole = (table.fidelity == np.array(problem.whole)).all(axis=1)
        is_met = (table.state == COMPLETE) & is_whole & met(problem, table.y)
        for metric, target in wanted:
            is_met &= over(metric, target, table.y[:, problem.metrics.index(metric)]) <= 0.0
        rows = np.flatnonzero(is_met)
        if not len(rows):
            return Verdict(stop=False, reason="", rule="target")
        row, (metric, target) = int(rows[0]), wanted[0]
        goal = f"{metric.name} {'<=' if metric.sign > 0 else '>='} {target:g}"
        value = table.y[row, problem.metrics.index(metric)]
        reason = f"the target {goal} is met by trial {row} with {value:g}"
        return Verdict(stop=True, reason=reason, rule="target", cancel=True, remaining=0)
