"""What results at lower fidelities say of the highest: each configuration counts once, by where it got furthest.

What it gave there is carried up along lines, loss_high = rho * loss_low + delta, that are fitted to configurations seen
at both: the autoregressive model of Kennedy & O'Hagan (2000, eq. 1), with a delta that is normal and knows nothing of
the configuration. A slope of 1 is believed beforehand, as if a few configurations had said so: those that were promoted
are alike, and differ by noise.

How far off that may be is known noise to whoever regresses on the results, so that a fidelity that foretells little
weighs little, and curves that cross do little harm. It is told on a bent scale (`Scale`), on which what lines miss is
about as large for bad losses as for good ones, and is that of Student's t: of few configurations little is believed.
90 % intervals hold 80 to 97 % of what stopped trials would have come to (decision 100).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.keys import numbered
from trimtab.numerics.student import half_width
from trimtab.space.problem import Fidelity

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

Curve: TypeAlias = tuple[Floats, Floats]
"""Steps [r], ascending, and what the trial gave there [r, K]: losses on the way, and at its end."""


def height(fidelities: Sequence[Fidelity], at: Floats) -> float:
    """Return how far up a fidelity [F] is: 0 at the lowest, 1 at the highest, the mean over several."""
    places = []
    for fidelity, value in zip(fidelities, at.tolist(), strict=True):
        low, high = fidelity.low, fidelity.high
        if fidelity.log and value > 0.0:
            low, high, value = np.log(low), np.log(high), np.log(value)
        places.append((value - low) / (high - low) if high > low else 1.0)
    return float(np.mean(places)) if places else 1.0


@dataclass(frozen=True, slots=True)
class Results:
    """Rows that count.

    Attributes:
        config: [m] which configuration each is of.
        losses: [m, K] smaller is better.
        known: [m, K] variances of the losses that are known.
        margins: [m, C] by how much each constraint is missed: below 0 where it is kept with room to spare, nan where
            its metric was not measured.
    """

    config: Ints
    losses: Floats
    known: Floats
    margins: Floats

    @property
    def excess(self) -> Floats:
        """[m, C] by how much each constraint is broken; wholly where its metric was not measured."""
        return np.maximum(np.where(np.isnan(self.margins), LARGEST, self.margins), 0.0)


def carried(
    results: Results, fidelity: Floats, heights: Floats, curves: Sequence[Curve], settings: ModelSettings
) -> Results:
    """Return the rows of each configuration at the fidelity where it got furthest, carried to the highest there is.

    Args:
        results: n rows, of any fidelity.
        fidelity: [n, F] theirs.
        heights: [n] the same as one number.
        curves: [n] what each gave at which step, where there is one fidelity that counts steps; else none.
        settings: the constants.
    """
    furthest = np.full(int(results.config.max()) + 1, -np.inf)
    np.maximum.at(furthest, results.config, heights)
    kept = np.flatnonzero(heights == furthest[results.config])
    level = numbered(np.column_stack([heights, fidelity]))  # in the order of their heights
    used, level_of_kept = np.unique(level[kept], return_inverse=True)
    seen = _on_curves(results, fidelity, level, used, curves) if len(curves) else _at_runs(results, level, used)
    losses, known = results.losses[kept].copy(), results.known[kept].copy()
    for k in range(losses.shape[1]):
        scale = Scale.of(losses[level_of_kept == len(used) - 1, k], losses[:, k])
        lines = _lines(seen[:, :, k], scale, settings)
        for i, steps in enumerate(lines):
            rows = level_of_kept == i
            if steps:
                losses[rows, k], off = _carried(losses[rows, k], steps, scale)
                known[rows, k] = np.minimum(known[rows, k] + off, LARGEST)
    return Results(results.config[kept], losses, known, results.margins[kept])


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


def _at_runs(results: Results, level: Ints, used: Ints) -> Floats:
    """Return [c, L, K] what each configuration gave at each level that is used, nan where it did not run."""
    seen = np.full((int(results.config.max()) + 1, len(used), results.losses.shape[1]), np.nan)
    place = np.searchsorted(used, level)
    is_used = used[np.minimum(place, len(used) - 1)] == level
    seen[results.config[is_used], place[is_used]] = results.losses[is_used]
    return seen


def _on_curves(results: Results, fidelity: Floats, level: Ints, used: Ints, curves: Sequence[Curve]) -> Floats:
    """Return [c, L, K] the same between the first and the last step of each, on a line between two steps."""
    steps = np.array([fidelity[np.argmax(level == each), 0] for each in used])
    mine: list[list[Curve]] = [[] for _ in range(int(results.config.max()) + 1)]
    for config, curve in zip(results.config.tolist(), curves, strict=True):
        mine[config].append(curve)
    seen = np.full((len(mine), len(used), results.losses.shape[1]), np.nan)
    for config, of in enumerate(mine):
        at, losses = _joined(of)
        is_on = (steps >= at[0]) & (steps <= at[-1])
        seen[config, is_on] = np.column_stack([np.interp(steps[is_on], at, column) for column in losses.T])
    return seen


def _joined(curves: list[Curve]) -> Curve:
    """Return the curves of one configuration as one; of a step that several have, the last."""
    steps, losses = np.concatenate([curve[0] for curve in curves]), np.concatenate([curve[1] for curve in curves])
    order = np.argsort(steps, kind="stable")
    last = np.append(np.diff(steps[order]) > 0.0, True)
    return steps[order[last]], losses[order[last]]


@dataclass(frozen=True, slots=True)
class _Line:
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


def _carried(losses: Floats, steps: Sequence[_Line], scale: Scale) -> tuple[Floats, Floats]:
    """Return losses [n] at the end of lines that are followed one after the other, and variances of what they miss.

    Variances are those of the better side: what a configuration may be worth, and not how bad it may be.
    """
    variance = np.zeros(len(losses))
    for line in steps:
        after = line.along(losses)
        with np.errstate(over="ignore", invalid="ignore"):
            slope = np.nan_to_num(line.rho * scale.steepness(losses) / scale.steepness(after), nan=1.0)
            lever = 1.0 / line.n + (scale.bent(after) - line.middle) ** 2 / (line.spread + RIDGE)
            variance = np.minimum(slope**2 * variance + line.variance * (1.0 + lever), LARGEST)
        losses = after
    with np.errstate(over="ignore", invalid="ignore"):
        off = losses - scale.straight(scale.bent(losses) - np.sqrt(variance))
        known = np.minimum(np.square(off), LARGEST)
    return losses, np.where(variance > 0.0, known, 0.0)


def _lines(seen: Floats, scale: Scale, settings: ModelSettings) -> list[tuple[_Line, ...]]:
    """Return, for each level of [c, L] losses, the lines that lead to the highest.

    One leads there at once where enough configurations were seen at both, else by way of the highest level of which
    that is so, else of the one with the most: few get to the highest rung, and many to the next.
    """
    n_levels = seen.shape[1]
    known = ~np.isnan(seen)
    lines: list[tuple[_Line, ...]] = [()] * n_levels
    for low in reversed(range(n_levels - 1)):
        n_both = np.count_nonzero(known[:, low, None] & known[:, low + 1 :], axis=0)
        enough = np.flatnonzero(n_both >= min(settings.carried_pairs, int(n_both.max())))
        high = low + 1 + int(enough[-1])
        both = np.flatnonzero(known[:, low] & known[:, high])[-settings.carried_rows :]
        if not len(both):
            bent = scale.bent(seen[known[:, low], low])
            lines[low] = (_Line(variance=_variance(bent - np.median(bent), 0)),)
        else:
            lines[low] = (_fitted(seen[both, low], seen[both, high], scale, settings), *lines[high])
    return lines


def _fitted(low: Floats, high: Floats, scale: Scale, settings: ModelSettings) -> _Line:
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
        line = _Line(rho, float(np.median(high - rho * low)))
    there = scale.bent(line.along(low))
    off = scale.bent(high) - there
    middle = float(there.mean())
    spread = float(np.square(there - middle).sum())
    return _Line(rho, line.delta, _variance(off, 2), m, middle, spread)


def _variance(off: Floats, n_fitted: int) -> float:
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
