"""Output warps: losses turned into labels on which a Gaussian process is at home.

After the half-rank and log warping of Google Vizier's Gaussian-process bandit (Song et al., 2024, arXiv 2408.11527,
§3.2): of bad results only their order counts, and differences near the best count most. Labels are larger when better.
What is bad is said here by a reach: 1 makes it the worse half, as there; with FAR_REACH most keep their distances.
Which of the two fits an objective better can be told from densities of its losses (`near_log_slopes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.arrays import Floats

LOG_STRETCH: Final = 1.5

LARGEST: Final = float(np.finfo(np.float64).max)

FAR_REACH: Final = 10.0
"""The reach at which only what is farther from the best than so many times the median's distance is far."""


def far_rank(labels: Floats, reach: float = 1.0) -> Floats:
    """Return [n] labels of which those far from the best are replaced by what a normal distribution would put there.

    The scale is the root mean square distance of the near ones from the worst of them; a far label of dense rank k of
    K, a share p being far, goes to worst + scale * (Phi^-1(p * (k - 0.5) / K) - Phi^-1(p)). Ties stay ties.

    Args:
        labels: [n] finite, larger is better.
        reach: far is what lies farther from the best than so many times the median does; with 1 the worse half.
    """
    from scipy.special import ndtri

    if len(labels) < 2:
        return labels.copy()
    best, median = float(labels.max()), float(np.median(labels))
    # where at least half are the best, all others are far
    far = labels < best if best == median else labels < best - reach * (best - median)
    if not far.any():
        return labels.copy()
    near = labels[~far]
    worst = float(near.min())
    scale = float(np.sqrt(np.mean((near - worst) ** 2)))
    if scale == 0.0:  # the near ones are one value: keep the far ones' own spread
        scale = float(np.sqrt(np.mean((labels[far] - worst) ** 2)))
    values, ranks = np.unique(labels[far], return_inverse=True)
    share = float(far.mean())
    steps = ndtri(share * (np.arange(1, len(values) + 1) - 0.5) / len(values)) - ndtri(share)
    warped = labels.copy()
    warped[far] = worst + scale * steps[ranks]
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


def warp(losses: Floats, reach: float = 1.0) -> Floats:
    """Return [n] labels of finite losses: larger is better, centred on 0, insensitive to scale and to wild outliers.

    Losses are measured from their median in the unit of its distance from the best, so that however large the worst
    is, the good keep their digits. Losses so large that their differences overflow are ranked first.

    Args:
        losses: [n] finite, smaller is better.
        reach: see `far_rank`.
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
        far = labels < -reach  # of these only the order counts
        labels[far] = -reach * (1.0 + np.log(-labels[far] / reach))
    warped = log_warp(far_rank(labels, reach))
    warped -= warped.mean()
    return warped


def bent(losses: Floats, centre: float, unit: float) -> Floats:
    """Return [n] labels -arcsinh((loss - centre) / unit): larger is better, 0 at the centre.

    Losses that lie within a unit of the centre keep their distances, and of those far away only the order of magnitude
    counts, on both sides: for a metric that matters around one value, a bound, or the best that is allowed, and may be
    anything beyond it. A smooth loss has smooth labels.

    Args:
        losses: [n] finite, or nan.
        centre: what becomes 0.
        unit: above 0.
    """
    with np.errstate(over="ignore"):
        off = (losses - centre) / unit
    labels: Floats = -np.arcsinh(np.clip(off, -LARGEST, LARGEST))
    return labels


@dataclass(frozen=True, slots=True)
class Bend:
    """How `bent` labels were made, and then scaled: between a loss and a label of a model.

    Attributes:
        centre, unit: see `bent`.
        scale: above 0, by which labels were multiplied after their `middle` was taken off.
    """

    centre: float
    unit: float
    scale: float
    middle: float

    def labels(self, losses: Floats) -> Floats:
        """Return [n] the labels of losses."""
        found: Floats = self.scale * (bent(losses, self.centre, self.unit) - self.middle)
        return found

    def losses(self, labels: Floats) -> Floats:
        """Return [n] the losses that have these labels, as far as floats hold them."""
        with np.errstate(over="ignore"):
            found = self.centre - self.unit * np.sinh(labels / self.scale + self.middle)
        return np.clip(found, -LARGEST, LARGEST)


def bent_log_slopes(labels: Floats) -> Floats:
    """Return [n] the logarithm of how fast `bent` labels fall with losses in units: 1 / cosh(label)."""
    away = np.abs(labels)
    slopes: Floats = np.log(2.0) - away - np.log1p(np.exp(-2.0 * away))
    return slopes


def near_log_slopes(losses: Floats, labels: Floats) -> Floats:
    """Return [n] the logarithm of how fast labels fall with losses, in the better half; nan elsewhere.

    With it a density of labels becomes one of losses, so that models of differently warped labels can be compared: the
    better half keeps its distances up to the logarithm, whatever the reach. In a unit that is the losses' own: their
    median's distance from the best. All are nan where the better half is one value, or the unit overflows.

    Args:
        losses: [n] finite, smaller is better.
        labels: [n] what `warp` made of them.
    """
    slopes = np.full(len(losses), np.nan)
    if not len(losses):
        return slopes
    with np.errstate(over="ignore"):
        best, median = float(losses.min()), float(np.median(losses))
        unit = median - best
    near = losses <= median
    if not (np.isfinite(unit) and unit > 0.0):
        return slopes
    log_term = (labels.max() - labels[near]) * np.log(LOG_STRETCH)  # log(1 + distance * (s - 1))
    farthest = int(np.argmax(log_term))
    distance = float(np.expm1(log_term[farthest])) / (LOG_STRETCH - 1.0)
    if not distance > 0.0:
        return slopes
    spread = float(losses[near][farthest] - best) / unit / distance
    slopes[near] = np.log((LOG_STRETCH - 1.0) / np.log(LOG_STRETCH) / spread) - log_term
    return slopes
