"""Output warps: losses turned into labels on which a Gaussian process is at home.

Half-rank and log warping are those of Google Vizier's Gaussian-process bandit (Song et al., 2024, arXiv 2408.11527,
§3.2): only the good half keeps its distances, and differences near the best count most. Labels are larger when better.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats

LOG_STRETCH = 1.5


def half_rank(labels: Floats) -> Floats:
    """Return [n] labels whose worse half is replaced by what a normal distribution would put there.

    The scale is the root mean square distance of the better half from the median; a label below the median of dense
    rank k of K such goes to median + scale * Phi^-1(0.5 * (k - 0.5) / K). Ties stay ties.

    Args:
        labels: [n] finite, larger is better.
    """
    from scipy.special import ndtri

    n = len(labels)
    if n < 2 or labels.min() == labels.max():
        return labels.copy()
    median = float(np.median(labels))
    good = labels[labels >= median]
    scale = float(np.sqrt(np.mean((good - median) ** 2)))
    bad = labels < median
    if scale == 0.0:  # the better half is one value: keep the worse half's own spread
        scale = float(np.sqrt(np.mean((labels[bad] - median) ** 2)))
    values, ranks = np.unique(labels[bad], return_inverse=True)
    quantiles = 0.5 * (np.arange(1, len(values) + 1) - 0.5) / len(values)
    warped = labels.copy()
    warped[bad] = median + scale * ndtri(quantiles)[ranks]
    return warped


def log_warp(labels: Floats) -> Floats:
    """Return [n] labels in [-0.5, 0.5]: y -> 0.5 - log(1 + t * (s - 1)) / log s, with t the distance from the best.

    Distances near the best are stretched, those far from it compressed (s = 1.5). Equal labels all become 0.
    """
    best, worst = float(labels.max()), float(labels.min())
    spread = best - worst
    if not spread > 0.0:
        return np.zeros_like(labels)
    distance = (best - labels) / spread
    warped: Floats = 0.5 - np.log1p(distance * (LOG_STRETCH - 1.0)) / np.log(LOG_STRETCH)
    return warped


def warp(losses: Floats) -> Floats:
    """Return [n] labels of finite losses: larger is better, centred on 0, insensitive to scale and to wild outliers.

    Losses are measured from their median in the unit of the better half, so that however large the worst is, the good
    keep their digits. Losses so large that their differences overflow are ranked first.
    """
    if not len(losses):
        return losses.copy()
    labels = -losses
    with np.errstate(over="ignore", invalid="ignore"):
        median = float(np.median(labels))
        unit = float(labels.max()) - median or median - float(labels.min())
    if not np.isfinite(unit):
        labels = np.unique(labels, return_inverse=True)[1].astype(np.float64)
    elif unit > 0.0:
        with np.errstate(over="ignore"):
            labels = np.maximum((labels - median) / unit, -np.finfo(np.float64).max)
        far = labels < -1.0  # of the worse half only the order counts
        labels[far] = -1.0 - np.log(-labels[far])
    warped = log_warp(half_rank(labels))
    warped -= warped.mean()
    return warped
