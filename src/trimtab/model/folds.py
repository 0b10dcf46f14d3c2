"""What folds do to losses, and what some folds of a trial say of the mean over all.

Folds differ: one is harder than another, for every configuration. A loss in a fold is taken as the configuration's own,
plus what the fold does to all of them, plus a rest that is known of neither. What the fold does is the median over
trials of how far they are off their own means there, so that a few trials that went wrong do not matter; the rest has a
standard deviation, and makes the mean over m of K folds uncertain by rest * sqrt(1/m - 1/K): of a mean over all folds
nothing is left to be known.

Letters: n trials, or results of them, K folds, O objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Floats
from trimtab.ledger.cells import cells_of
from trimtab.ledger.columns import Column
from trimtab.ledger.table import STOPPED, TrialTable
from trimtab.model.fidelities import Results
from trimtab.space.problem import Problem


@dataclass(frozen=True, slots=True)
class FoldEffects:
    """What folds do.

    Attributes:
        effects: [K, O] what each fold adds to every loss; they sum to 0.
        rest: [O] the standard deviation of what is left; nan where nothing tells it.
    """

    effects: Floats
    rest: Floats

    @classmethod
    def of(cls, losses: Floats) -> FoldEffects:
        """Return what losses [n, K, O] of trials that have all their folds say; of none, that folds do nothing."""
        n, k, m = losses.shape
        if n < 2 or k < 2:
            return cls(np.zeros((k, m)), np.full(m, np.nan))
        off = losses - losses.mean(axis=1, keepdims=True)
        effects = np.median(off, axis=0)
        effects -= effects.mean(axis=0)
        squares = np.square(off - effects).sum(axis=1) / (k - 1)  # [n, O]
        freedom = (k - 1) * (1.0 - 1.0 / n)  # each trial's share of the degrees of freedom
        variance = np.median(squares, axis=0) * (n / (n - 1)) / median_of_variance(freedom)
        return cls(effects, np.sqrt(variance))

    def adjusted(self, losses: Floats) -> Floats:
        """Return [..., O] means over the folds that losses [..., K, O] have, freed of what these folds do."""
        freed = losses - self.effects
        known = ~np.isnan(freed)
        counts = known.sum(axis=-2)
        total: Floats = np.where(known, freed, 0.0).sum(axis=-2)
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)

    def uncertainty(self, n_seen: int) -> Floats:
        """Return [O] the standard deviation of the mean over all folds, where so many were seen."""
        k = len(self.effects)
        deviation: Floats = self.rest * np.sqrt(max(0.0, 1.0 / n_seen - 1.0 / k))
        return deviation


def median_of_variance(freedom: float) -> float:
    """Return the median of a sample's variance over its mean: that of a chi-square (Wilson & Hilferty, 1931)."""
    return max((1.0 - 2.0 / (9.0 * freedom)) ** 3, 0.1) if freedom > 2.0 / 9.0 else 1.0


class Folds:
    """What results gave in each of their folds, where they did.

    Args:
        problem: what is tuned; it has folds.
    """

    def __init__(self, problem: Problem) -> None:
        self._n_folds, self._n_objectives = problem.folds or 0, len(problem.objectives)
        self._losses = Column(np.float64, np.nan, self._n_folds * self._n_objectives)
        self._is_part = Column(np.bool_)

    def tell(self, table: TrialTable, row: int) -> Floats | None:
        """Take up the next result.

        Returns:
            [O] what is known now of the mean, where it lacks folds; else None.
        """
        folds, values = cells_of(table.curves, row)
        losses = np.full((self._n_folds, self._n_objectives), np.nan)
        for i, metric in enumerate(table.problem.objectives):
            losses[folds, i] = values[metric.name] * metric.sign
        known = np.isfinite(losses).all(axis=1)
        losses[~known] = np.nan
        is_part = bool(table.state[row] == STOPPED) and 0 < int(known.sum()) < self._n_folds
        self._losses.add(losses.reshape(-1))
        self._is_part.add(is_part)
        return self._effects(self._is_part.n).adjusted(losses) if is_part else None

    def _effects(self, length: int) -> FoldEffects:
        """Return what folds do by the first `length` results."""
        losses = self._losses.view[:length].reshape(length, self._n_folds, self._n_objectives)
        return FoldEffects.of(losses[~np.isnan(losses).any(axis=(1, 2))])

    def completed(self, results: Results) -> Results:
        """Return the first results with the means of those that lack folds as all of these have them, and how unsure.

        What the folds that are missing may change is known noise. Where nothing tells it, it is as if they were there.
        """
        length = len(results.config)
        part = np.flatnonzero(self._is_part.view[:length])
        if not len(part):
            return results
        effects = self._effects(length)
        mine = self._losses.view[part].reshape(len(part), self._n_folds, self._n_objectives)
        n_seen = (~np.isnan(mine[:, :, 0])).sum(axis=1).tolist()
        losses, known = results.losses.copy(), results.known.copy()
        losses[part] = effects.adjusted(mine)
        known[part] += np.nan_to_num(np.square([effects.uncertainty(n) for n in n_seen]))
        return Results(results.config, losses, known, results.margins)
