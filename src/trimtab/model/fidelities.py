"""What results at lower fidelities say of the highest: each configuration counts once, by where it got furthest.

What it gave there is carried up along lines, loss_high = rho * loss_low + delta, that are fitted to configurations seen
at both: the autoregressive model of Kennedy & O'Hagan (2000, eq. 1), with a delta that is normal and knows nothing of
the configuration. Its variance is known noise to whoever regresses on the results, so that a fidelity that foretells
little weighs little, and curves that cross do little harm. A slope of 1 is believed beforehand, as if a few
configurations had said so: those that were promoted are alike, and differ by noise.

What a line misses is not noise alone: on less data another strength of a penalty is best, and so of neighbours the same
is missed. Where configurations were run at several fidelities, each paid by itself, `Below` keeps what they gave at the
lower ones, and a process is told how far from a whole run each row is (`numerics.gp.Data.apart`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.keys import numbered
from trimtab.space.problem import Fidelity

if TYPE_CHECKING:
    from trimtab.model.settings import ModelSettings

LARGEST: Final = float(np.finfo(np.float64).max)
"""Losses and variances that are larger are held at it."""

MEDIAN_DISTANCE: Final = 0.6745
"""The median distance of a standard normal distribution from 0: its quantile of 3/4."""

Curve: TypeAlias = tuple[Floats, Floats]
"""Steps [r], ascending, and what the trial gave there [r, K]: losses on the way, and at its end."""


def height(fidelities: Sequence[Fidelity], at: Floats) -> float:
    """Return how far up a fidelity [F] is: 0 at the lowest, 1 at the highest, the mean over several."""
    found = places(fidelities, at)
    return float(np.mean(found)) if found else 1.0


def places(fidelities: Sequence[Fidelity], at: Floats) -> list[float]:
    """Return how far up each of F fidelities is: 0 at the lowest, 1 at the highest."""
    found = []
    for fidelity, value in zip(fidelities, at.tolist(), strict=True):
        low, high = fidelity.low, fidelity.high
        if fidelity.log and value > 0.0:
            low, high, value = np.log(low), np.log(high), np.log(value)
        found.append((value - low) / (high - low) if high > low else 1.0)
    return found


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

    def take(self, rows: Ints) -> Results:
        return Results(self.config[rows], self.losses[rows], self.known[rows], self.margins[rows])

    @property
    def excess(self) -> Floats:
        """[m, C] by how much each constraint is broken; wholly where its metric was not measured."""
        return np.maximum(np.where(np.isnan(self.margins), LARGEST, self.margins), 0.0)


@dataclass(frozen=True, slots=True)
class Below:
    """What configurations gave at fidelities below the one where they got furthest, carried to the highest.

    Attributes:
        at: [c, F] of each configuration, where it got furthest.
        fidelity: [m, F] of each row below.
        results: the m rows below.
    """

    at: Floats
    fidelity: Floats
    results: Results


def carried(
    results: Results,
    fidelity: Floats,
    heights: Floats,
    curves: Sequence[Curve],
    settings: ModelSettings,
    place: int = 0,
) -> tuple[Results, Below]:
    """Return the rows of each configuration at the fidelity where it got furthest, carried to the highest there is.

    And those below, where a line is known that leads from there.

    Args:
        results: n rows, of any fidelity.
        fidelity: [n, F] theirs.
        heights: [n] the same as one number.
        curves: [n] what each gave at which step, where a fidelity counts steps; else none.
        settings: the constants.
        place: which one does.
    """
    furthest = np.full(int(results.config.max()) + 1, -np.inf)
    np.maximum.at(furthest, results.config, heights)
    kept = np.flatnonzero(heights == furthest[results.config])
    level = numbered(np.column_stack([heights, fidelity]))  # in the order of their heights
    used = np.unique(level[kept])
    seen = _on_curves(results, fidelity, level, used, curves, place) if len(curves) else _at_runs(results, level, used)
    of = np.minimum(np.searchsorted(used, level), len(used) - 1)
    has_line = used[of] == level
    losses, known = results.losses.copy(), results.known.copy()
    for k in range(losses.shape[1]):
        lines = _lines(seen[:, :, k], settings)
        for i, line in enumerate(lines):
            rows = has_line & (of == i)
            losses[rows, k], known[rows, k] = line.along(losses[rows, k]), known[rows, k] + line.variance
    every = Results(results.config, losses, known, results.margins)
    at = np.empty((len(furthest), fidelity.shape[1]))
    at[results.config[kept]] = fidelity[kept]
    below = np.flatnonzero(has_line & (heights < furthest[results.config]))
    return every.take(kept), Below(at, fidelity[below], every.take(below))


def _at_runs(results: Results, level: Ints, used: Ints) -> Floats:
    """Return [c, L, K] what each configuration gave at each level that is used, nan where it did not run."""
    seen = np.full((int(results.config.max()) + 1, len(used), results.losses.shape[1]), np.nan)
    place = np.searchsorted(used, level)
    is_used = used[np.minimum(place, len(used) - 1)] == level
    seen[results.config[is_used], place[is_used]] = results.losses[is_used]
    return seen


def _on_curves(
    results: Results, fidelity: Floats, level: Ints, used: Ints, curves: Sequence[Curve], place: int
) -> Floats:
    """Return [c, L, K] the same between the first and the last step of each, on a line between two steps.

    Of several fidelities that is so at the same of all others.
    """
    others = numbered(np.delete(fidelity, place, axis=1)) if fidelity.shape[1] > 1 else np.zeros(len(level), dtype=int)
    first = np.array([np.argmax(level == each) for each in used])
    steps, others_of = fidelity[first, place], others[first]
    n = int(results.config.max()) + 1
    mine: dict[tuple[int, int], list[Curve]] = {}
    for config, other, curve in zip(results.config.tolist(), others.tolist(), curves, strict=True):
        mine.setdefault((config, other), []).append(curve)
    alike: dict[tuple[int, bytes], tuple[list[int], list[Floats]]] = {}  # most have the steps of many others
    for (config, other), of in mine.items():
        at, losses = of[0] if len(of) == 1 else (np.concatenate([c[0] for c in of]), np.concatenate([c[1] for c in of]))
        configs, each = alike.setdefault((other, at.tobytes()), ([], []))
        configs.append(config)
        each.append(losses)
    seen = np.full((n, len(used), results.losses.shape[1]), np.nan)
    for (other, at_steps), (configs, each) in alike.items():
        at = np.frombuffer(at_steps)
        order = np.argsort(at, kind="stable")
        order = order[np.append(np.diff(at[order]) > 0.0, True)]  # of a step that several have, the last
        at = at[order]
        is_on = np.flatnonzero((others_of == other) & (steps >= at[0]) & (steps <= at[-1]))
        seen[np.array(configs)[:, None], is_on] = _between(steps[is_on], at, np.stack(each)[:, order])
    return seen


def _between(steps: Floats, at: Floats, losses: Floats) -> Floats:
    """Return [c, m, K] what curves [c, r, K] over the same steps [r] are at steps [m] within: `np.interp` of many."""
    left = np.searchsorted(at, steps, side="right") - 1
    found: Floats = losses[:, left]
    off = np.flatnonzero(at[left] != steps)
    i = left[off]
    with np.errstate(over="ignore", invalid="ignore"):
        slopes = (losses[:, i + 1] - losses[:, i]) / (at[i + 1] - at[i])[:, None]
        found[:, off] += slopes * (steps[off] - at[i])[:, None]
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """What a loss at one fidelity is at another: rho * loss + delta, give or take a variance."""

    rho: float = 1.0
    delta: float = 0.0
    variance: float = 0.0

    def along(self, losses: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            found = self.rho * losses + self.delta
        return np.clip(np.nan_to_num(found, nan=LARGEST), -LARGEST, LARGEST)

    def then(self, other: _Line) -> _Line:
        """Return this line and then the other."""
        variance = min(other.rho * other.rho * self.variance + other.variance, LARGEST)
        return _Line(other.rho * self.rho, other.rho * self.delta + other.delta, variance)


def _lines(seen: Floats, settings: ModelSettings) -> list[_Line]:
    """Return, for each level of [c, L] losses, the line to the highest.

    It leads there at once where enough configurations were seen at both, else by way of the highest level of which that
    is so, else of the one with the most: few get to the highest rung, and many to the next.
    """
    n_levels = seen.shape[1]
    known = ~np.isnan(seen)
    lines = [_Line()] * n_levels
    for low in reversed(range(n_levels - 1)):
        n_both = np.count_nonzero(known[:, low, None] & known[:, low + 1 :], axis=0)
        enough = np.flatnonzero(n_both >= min(settings.carried_pairs, int(n_both.max())))
        high = low + 1 + int(enough[-1])
        both = np.flatnonzero(known[:, low] & known[:, high])[-settings.carried_rows :]
        if not len(both):
            losses = seen[known[:, low], low]
            lines[low] = _Line(variance=_variance(losses - np.median(losses)))
        else:
            lines[low] = _fitted(seen[both, low], seen[both, high], settings).then(lines[high])
    return lines


def _fitted(low: Floats, high: Floats, settings: ModelSettings) -> _Line:
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
        delta = float(np.median(high - rho * low))
        return _Line(rho, delta, _variance(high - rho * low - delta))


def _variance(off: Floats) -> float:
    """Return the variance of a normal distribution whose median distance from 0 is that of `off` [m]."""
    with np.errstate(over="ignore", invalid="ignore"):
        variance = float(np.square(np.median(np.abs(off)) / MEDIAN_DISTANCE))
    return min(variance, LARGEST) if variance == variance else LARGEST
