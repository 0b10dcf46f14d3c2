"""What results at lower fidelities say of the highest: each configuration counts once, by where it got furthest.

What it gave there is carried to the highest fidelity along a line, loss_high = rho * loss_low + delta, that is fitted
to the configurations seen at both: the autoregressive model of Kennedy & O'Hagan (2000, eq. 1), with a delta that is
normal and knows nothing of the configuration. Its variance is known noise to whoever regresses on the results, so that
a fidelity that foretells little weighs little, and curves that cross do little harm. A slope of 1 is believed
beforehand, as if a configuration had said so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.keys import numbered
from trimtab.model.settings import ModelSettings
from trimtab.space.problem import Fidelity

LARGEST: Final = float(np.finfo(np.float64).max)
"""Losses and variances that are larger are held at it."""

MEDIAN_DISTANCE: Final = 0.6745
"""The median distance of a standard normal distribution from 0: its quantile of 3/4."""

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
        excess: [m, C] by how much each constraint is broken.
    """

    config: Ints
    losses: Floats
    known: Floats
    excess: Floats


def carried(
    results: Results, fidelity: Floats, heights: Floats, curves: Sequence[Curve], settings: ModelSettings
) -> Results:
    """Return the rows of each configuration at the fidelity where it got furthest, carried to the highest there is.

    Args:
        results: n rows, of any fidelity.
        fidelity: [n, F] theirs.
        heights: [n] the same as one number.
        curves: [n] what each gave at which step, where there is one fidelity that counts steps.
        settings: the constants.
    """
    furthest = np.zeros(int(results.config.max()) + 1)
    np.maximum.at(furthest, results.config, heights)
    kept = np.flatnonzero(heights == furthest[results.config])
    losses, known = results.losses[kept].copy(), results.known[kept].copy()
    is_low = heights[kept] < heights.max()
    whole = kept[~is_low][-settings.carried_rows :]
    paths = _Paths(results, fidelity, curves, whole)
    level = numbered(fidelity[kept])
    for each in np.unique(level[is_low]).tolist():
        rows = np.flatnonzero(level == each)
        low, high = paths.pairs(fidelity[kept[rows[0]]])
        for k in range(losses.shape[1]):
            losses[rows, k], variance = _along(low[:, k], high[:, k], losses[rows, k], settings)
            known[rows, k] += variance
    return Results(results.config[kept], losses, known, results.excess[kept])


class _Paths:
    """What configurations that got to the highest fidelity gave on the way there."""

    def __init__(self, results: Results, fidelity: Floats, curves: Sequence[Curve], whole: Ints) -> None:
        self._fidelity, self._losses = fidelity, results.losses
        self._ends = results.losses[whole]
        mine: dict[int, list[int]] = {config: [] for config in results.config[whole].tolist()}
        for row, config in enumerate(results.config.tolist()):
            if config in mine:
                mine[config].append(row)
        self._rows = [mine[config] for config in results.config[whole].tolist()]
        self._curves = [_joined([curves[row] for row in rows]) for rows in self._rows] if len(curves) else None

    def pairs(self, at: Floats) -> tuple[Floats, Floats]:
        """Return [m, K] losses at a fidelity, between two steps along a line, and [m, K] those at the highest."""
        low, found = [], []
        for i, rows in enumerate(self._rows):
            loss = self._on_curve(i, float(at[0])) if self._curves is not None else self._of_run(rows, at)
            if loss is not None:
                low.append(loss)
                found.append(i)
        return np.array(low).reshape(-1, self._ends.shape[1]), self._ends[found]

    def _of_run(self, rows: list[int], at: Floats) -> Floats | None:
        return next((self._losses[row] for row in rows if np.array_equal(self._fidelity[row], at)), None)

    def _on_curve(self, i: int, step: float) -> Floats | None:
        assert self._curves is not None
        steps, losses = self._curves[i]
        if not steps[0] <= step <= steps[-1]:
            return None
        return np.array([np.interp(step, steps, column) for column in losses.T])


def _joined(curves: list[Curve]) -> Curve:
    """Return the curves of one configuration as one; of a step that several have, the last."""
    steps, losses = np.concatenate([curve[0] for curve in curves]), np.concatenate([curve[1] for curve in curves])
    order = np.argsort(steps, kind="stable")
    last = np.append(np.diff(steps[order]) > 0.0, True)
    return steps[order[last]], losses[order[last]]


def _along(low: Floats, high: Floats, losses: Floats, settings: ModelSettings) -> tuple[Floats, float]:
    """Return the losses [g] as they would be at the highest fidelity, and the variance of that.

    The slope is the median of those between two configurations (Sen, 1968), and the rest are medians too: losses that
    diverged do not tilt the line.

    Args:
        low: [m] losses at their fidelity, of configurations that got to the highest.
        high: [m] theirs at the highest.
        losses: [g] what is carried.
        settings: the constants.
    """
    m, weight = len(low), settings.carried_weight
    if not m:
        return losses, _variance(losses - np.median(losses))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        i, j = np.triu_indices(m, 1)
        slopes = (high[i] - high[j]) / (low[i] - low[j])
        slopes = slopes[np.isfinite(slopes)]
        slope = float(np.median(slopes)) if len(slopes) else 1.0
        rho = max((m * slope + weight) / (m + weight), 0.0)
        delta = float(np.median(high - rho * low))
        carried = delta + rho * losses
        return np.clip(np.nan_to_num(carried, nan=LARGEST), -LARGEST, LARGEST), _variance(high - rho * low - delta)


def _variance(off: Floats) -> float:
    """Return the variance of a normal distribution whose median distance from 0 is that of `off` [m]."""
    with np.errstate(over="ignore", invalid="ignore"):
        variance = float(np.square(np.median(np.abs(off)) / MEDIAN_DISTANCE))
    return min(variance, LARGEST) if variance == variance else LARGEST
