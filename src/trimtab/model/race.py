"""Which configurations a race over the folds of a cross-validation is lost for, told from the same folds of the best.

Folds differ in how hard they are, and a configuration that has met the hard ones alone is no worse for it: what is
compared are cells freed of the folds' effects, which the complete configurations tell. The rule is the forgiving one
of Bergman et al., "Don't waste your time: early stopping cross-validation", AutoML 2024 (arXiv 2405.03389): a
configuration is out once its mean so far is worse than the worst fold of the best one; and only if the folds that are
left would have to be kinder to it than chance makes likely.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Bools, Floats

FEWEST: Final = 4
"""Complete configurations before any other is stopped: the folds' effects are medians over them."""

DOUBT: Final = 2.0
"""Standard deviations by which the folds that are left would have to help: one in forty, were it nothing but chance."""


def fold_effects(losses: Floats) -> Floats:
    """Return [K] how much worse each fold is than the mean fold, from complete rows [N, K]; zeros without any."""
    if not len(losses):
        return np.zeros(losses.shape[1])
    effects: Floats = np.median(losses - losses.mean(axis=1, keepdims=True), axis=0)
    effects -= effects.mean()
    return effects


def freed(losses: Floats) -> Floats:
    """Return the cells [N, K] without their folds' effects, nan where they were not run."""
    complete = losses[np.isfinite(losses).all(axis=1)]
    return losses - fold_effects(complete)


def outclassed(losses: Floats) -> Bools:
    """Return [N] which configurations are out of the race.

    Args:
        losses: [N, K] what each lost in each fold, nan where it was not run. Complete ones are never out.
    """
    is_run = np.isfinite(losses)
    is_complete = is_run.all(axis=1)
    if is_complete.sum() < FEWEST:
        return np.zeros(len(losses), dtype=np.bool_)
    cells = freed(losses)
    best = cells[is_complete][cells[is_complete].mean(axis=1).argmin()]
    n = is_run.sum(axis=1)
    means = np.where(is_run, cells, 0.0).sum(axis=1) / np.maximum(n, 1)
    # the mean over all K of a difference of which k are known, of cells with the residual variance s^2, varies by
    # 2 s^2 (K - k) / (K k) about the mean of the k
    n_folds = losses.shape[1]
    doubt = DOUBT * _residual(cells[is_complete]) * np.sqrt(2.0 * (n_folds - n) / (n_folds * np.maximum(n, 1)))
    is_worse = means > np.maximum(best.max(), best.mean() + doubt)
    return ~is_complete & (n > 0) & is_worse  # type: ignore[no-any-return]  # an array of truths


def _residual(cells: Floats) -> float:
    """Return the standard deviation of what neither row nor fold explains in complete cells [N, K]."""
    residuals = cells - cells.mean(axis=1, keepdims=True)
    residuals -= residuals.mean(axis=0)
    n_free = (cells.shape[0] - 1) * (cells.shape[1] - 1)
    return float(np.sqrt((residuals**2).sum() / n_free))
