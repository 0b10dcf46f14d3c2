"""What a user's prior on the optimum comes to: how much it weighs beside what trials have shown, and where it lies.

piBO (Hvarfner et al., 2022, arXiv 2204.11051): the acquisition is multiplied by the prior to the power BETA / n, so
that evidence washes it out. A prior that results contradict is left aside at once.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.numerics.cut_normal import quantile
from trimtab.space.space import Space

BETA: Final = 10.0
"""The weight of the prior in trials."""

JUDGED: Final = 10
"""Configurations before results can contradict a prior."""

AGAINST: Final = -0.4
"""The rank correlation of prior and results below which the prior is left aside."""


def weight(space: Space, x: Floats, labels: Floats | Ints, n: int) -> float:
    """Return the power of the prior: 0 without one, or when what it favours turned out worse than the rest.

    Args:
        space: whose prior it is.
        x: [m, D] configurations with results.
        labels: [m] how good these are, larger is better; only the order counts.
        n: how many configurations have results.
    """
    if space.prior.is_flat or not n:
        return 0.0
    if len(x) >= JUDGED and _rank_correlation(space.log_prior(x), labels) < AGAINST:
        return 0.0
    return BETA / n


def _rank_correlation(a: Floats, b: Floats | Ints) -> float:
    """Return Spearman's coefficient, 0 where one side is constant."""
    ranks = [np.unique(v, return_inverse=True)[1].astype(np.float64) for v in (a, b)]
    x, y = (r - r.mean() for r in ranks)
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else 0.0


def quantiles(space: Space, p: Floats) -> Floats:
    """Return the points [..., D] of the unit cube at quantiles p [..., D] of the prior's marginals.

    Points that are spread evenly become points that are spread as evenly over what is believed; where nothing is, they
    stay.
    """
    prior, u = space.prior, p.copy()
    normal = np.isfinite(prior.spread)
    u[..., normal] = quantile(p[..., normal], prior.centre[normal], prior.spread[normal])
    for column in np.flatnonzero(prior.log_other).tolist():
        k = space.parameters[column].n_values or 1
        weights = np.full(k, np.exp(prior.log_other[column]))
        weights[int(prior.centre[column] * k)] = 1.0
        ends = np.cumsum(weights)
        picked = np.searchsorted(ends, p[..., column] * ends[-1], side="right")
        u[..., column] = (np.minimum(picked, k - 1) + 0.5) / k
    return u
