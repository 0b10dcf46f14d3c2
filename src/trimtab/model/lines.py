"""Lines from what a trial showed early to what it gives in the end, and how far off they are.

A line is fitted to trials that were seen at both, loss_high = rho * loss_low + delta, by medians. What it misses is
told on a bent scale, on which that is about as large for bad losses as for good ones, and is Student's t: of few trials
little is believed. 90 % intervals hold 80 to 97 % of what stopped trials would have come to (decision 100).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from trimtab.arrays import Floats
from trimtab.numerics.student import half_width

if TYPE_CHECKING:
    from trimtab.model.settings import ModelSettings

LARGEST: Final = float(np.finfo(np.float64).max)
"""Losses and variances that are larger are held at it."""

NORMAL_MAD: Final = 1.4826
"""The standard deviation of a normal distribution over its median distance from the middle."""

LEAST_UNIT: Final = 0.1
"""The unit of a `Scale` is at least so much of the way from the best to the middle: where most results are one and the
same, as of trials that all learned nothing, the middle half says nothing of the rest. By taste."""

Z_90: Final = 1.645
"""A normal variable is within so many standard deviations with 90 %."""

TAILS: Final = 4.0
"""The degrees of freedom of what a line misses: curves that diverge or never start are common, and are no reason to
believe less of the others. By taste; 4 is what is usual in robust regression (Lange et al., 1989)."""

PASSES: Final = 4
"""Reweighting a scale for such tails settles to a few percent in so many."""

BELIEVED: Final = 0.5
EXPECTED: Final = 0.01
"""Before anything is seen, lines are believed to miss by this on a bent scale, as if one configuration had shown it:
curves of one shape are to be nearly free of noise. By taste; at 0.5 intervals hold 3 % more (decision 100)."""

RIDGE: Final = 10.0
"""And a slope is believed as much as if places [bent] with so large a sum of squares had shown it, ten configurations a
unit from the middle: what lies farther out than they is known less well."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale on which losses far from the middle are apart by the order of their size, as logarithms would put them.

    Attributes:
        middle: the loss that is at 0.
        unit: the distance from the middle up to which the scale is nearly even.
    """

    middle: float
    unit: float

    @classmethod
    def of(cls, top: Floats, every: Floats) -> Scale:
        """Return the scale for losses [n] of which those at the highest fidelity are `top` [m], m at least 1."""
        with np.errstate(over="ignore", invalid="ignore"):
            for losses in (top, every):
                middle = float(np.median(losses))
                unit = NORMAL_MAD * float(np.median(np.abs(losses - middle)))
                unit = min(max(unit, LEAST_UNIT * (middle - float(losses.min()))), LARGEST)
                if unit > 0.0:
                    return cls(middle, unit)
        return cls(middle, 1.0)

    def bent(self, losses: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.arcsinh(np.clip((losses - self.middle) / self.unit, -LARGEST, LARGEST))

    def straight(self, places: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.clip(self.middle + self.unit * np.sinh(places), -LARGEST, LARGEST)

    def steepness(self, losses: Floats) -> Floats:
        """Return how many losses go into one unit of the scale there: its derivative, turned over."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.clip(np.hypot(self.unit, losses - self.middle), 0.0, LARGEST)


@dataclass(frozen=True, slots=True)
class Line:
    """What a loss at one fidelity is at another: rho * loss + delta, give or take a variance on the bent scale.

    Attributes:
        rho, delta: of the line.
        variance: what it misses, of configurations in the middle of those that it was fitted to.
        n: how many these were.
        middle: their mean place, bent, at the higher fidelity.
        spread: the sum of squares of their distances from it.
    """

    rho: float = 1.0
    delta: float = 0.0
    variance: float = 0.0
    n: int = 1
    middle: float = 0.0
    spread: float = np.inf

    def along(self, losses: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.rho * losses + self.delta
        return np.clip(np.nan_to_num(found, nan=LARGEST), -LARGEST, LARGEST)

    def followed(self, losses: Floats, variance: Floats, scale: Scale) -> tuple[Floats, Floats]:
        """Return where losses [n] lead, and variances [n] on the bent scale, theirs before being `variance`."""
        after = self.along(losses)
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.nan_to_num(self.rho * scale.steepness(losses) / scale.steepness(after), nan=1.0)
            lever = 1.0 / self.n + (scale.bent(after) - self.middle) ** 2 / (self.spread + RIDGE)
            return after, np.minimum(slope**2 * variance + self.variance * (1.0 + lever), LARGEST)


def fitted(low: Floats, high: Floats, scale: Scale, settings: ModelSettings) -> Line:
    """Return the line through losses [m] at one fidelity and at another.

    The slope is the median of those between two configurations (Sen, 1968), and the rest are medians too: losses that
    diverged do not tilt the line.
    """
    m, weight = len(low), settings.carried_weight
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        i, j = np.triu_indices(m, 1)
        slopes = (high[i] - high[j]) / (low[i] - low[j])
        slopes = slopes[np.isfinite(slopes)]
        slope = float(np.median(slopes)) if len(slopes) else 1.0
        rho = max((m * slope + weight) / (m + weight), 0.0)
        line = Line(rho, float(np.median(high - rho * low)))
    there = scale.bent(line.along(low))
    off = scale.bent(high) - there
    middle = float(there.mean())
    spread = float(np.square(there - middle).sum())
    return Line(rho, line.delta, variance_of(off, 2), m, middle, spread)


def variance_of(off: Floats, n_fitted: int) -> float:
    """Return the variance of a normal distribution that is within as much with 90 % as what is off [m] by Student's t.

    Args:
        off: the residuals.
        n_fitted: of how many numbers that were fitted to the same.
    """
    share = BELIEVED + 0.5 * max(len(off) - n_fitted, 0)
    weights = np.ones(len(off))
    found = 0.0
    for _ in range(PASSES):
        found = (BELIEVED * EXPECTED**2 + 0.5 * float((weights * off**2).sum())) / share
        weights = (TAILS + 1.0) / (TAILS + off**2 / found)
    widened = half_width(0.9, TAILS) * half_width(0.9, 2.0 * share) / Z_90**2
    return found * widened**2
