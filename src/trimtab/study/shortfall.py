"""How far trials are from meeting the constraints: what is missed, by how much, and what comes nearest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.table import COMPLETE, TrialTable
from trimtab.model.feasibility import over, settled, split
from trimtab.model.keys import numbered
from trimtab.numerics.arithmetic import quiet
from trimtab.space.problem import Metric, Problem


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a study lacks in which no complete trial meets every constraint.

    Attributes:
        n: complete trials.
        nearest: the trial that comes nearest to meeting all.
        missed: what it misses, as `missed` says.
        farthest: the constraint that is farthest from being met: that fewest trials meet, and of equals the one that
            is missed by most.
        n_met: how many trials meet that one.
        closest: the trial that comes nearest to it.
        by: by how much that trial misses it, in its metric's unit; infinity where its metric is never known.
    """

    n: int
    nearest: int
    missed: dict[Metric, float]
    farthest: Metric
    n_met: int
    closest: int
    by: float

    def nearest_text(self, table: TrialTable) -> str:
        """Return `trial 12 comes nearest with latency_ms = 45, 15 above its bound of 30`."""
        metrics = table.trial(self.nearest).metrics
        if not self.missed:
            return f"trial {self.nearest} meets them, but the mean over the runs of its configuration does not"
        told = ", and ".join(missed_text(metric, metrics.get(metric.name)) for metric in self.missed)
        return f"trial {self.nearest} comes nearest with {told}"

    def farthest_text(self) -> str:
        """Return the sentence on the constraint that is farthest from being met, without its full stop."""
        said = f"farthest from being met is {self.farthest}: "
        if self.n_met:
            return f"{said}{self.n_met} of {self.n} trials meet it, and miss another"
        if not math.isfinite(self.by):
            return f"{said}{self.farthest.name} is known of no trial"
        return f"{said}no trial meets it, and trial {self.closest} misses it by least, by {self.by:g}"


@quiet()
def shortfall(table: TrialTable) -> Shortfall | None:
    """Return what the complete trials lack; None where one meets every constraint, or none is complete.

    Constraints have units of their own. To compare them, what a trial misses one by is divided by the median of what
    trials miss it by; the trial whose worst ratio is least comes nearest.
    """
    rows = table.rows(COMPLETE)
    if not table.problem.constraints or not len(rows):
        return None
    config = numbered(np.column_stack([table.x[rows], table.fidelity[rows]]))
    margins = settled(table.problem, table.y[rows], config)
    excess = np.maximum(np.where(np.isnan(margins), np.inf, margins), 0.0)
    if not (excess > 0.0).any(axis=1).all():
        return None
    ratios = excess / np.array([_usual(column) for column in excess.T])
    own = split(table.problem, table.y[rows])[1]  # tells the runs of one configuration apart
    nearest = int(np.lexsort([own.sum(axis=1), ratios.sum(axis=1), ratios.max(axis=1)])[0])
    n_met = (excess == 0.0).sum(axis=0)
    j = int(np.lexsort([-ratios.min(axis=0), n_met])[0])
    closest = int(np.lexsort([own[:, j], excess[:, j]])[0])
    return Shortfall(
        n=len(rows),
        nearest=int(rows[nearest]),
        missed=missed(table.problem, table.trial(int(rows[nearest])).metrics),
        farthest=table.problem.constraints[j],
        n_met=int(n_met[j]),
        closest=int(rows[closest]),
        by=float(excess[closest, j]),
    )


def missed(problem: Problem, metrics: Mapping[str, float]) -> dict[Metric, float]:
    """Return {constraint: by how much} of those that a result misses, in the unit of each, infinity where not known."""
    found = {}
    for metric in problem.constraints:
        by = over(metric, metric.bound or 0.0, metrics.get(metric.name, metric.sign * math.inf))
        if not by <= 0.0:
            found[metric] = by if by == by else math.inf
    return found


def missed_text(metric: Metric, value: float | None) -> str:
    """Return `latency_ms = 45, 15 above its bound of 30`, of a constraint that is not met."""
    if value is None or value != value:
        return f"{metric.name} not known"
    bound = metric.bound or 0.0
    where = "above" if metric.goal == "at_most" else "below"
    return f"{metric.name} = {value:g}, {over(metric, bound, value):g} {where} its bound of {bound:g}"


def _usual(excess: Floats) -> float:
    """Return the median of what trials miss a constraint by, those left out that meet it; 1 where there is none."""
    known = excess[np.isfinite(excess) & (excess > 0.0)]
    return float(np.median(known)) if len(known) else 1.0
