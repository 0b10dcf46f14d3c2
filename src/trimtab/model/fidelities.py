"""What results at lower fidelities say of the highest: each configuration counts once, by where it got furthest.

What it gave there is carried up along lines, loss_high = rho * loss_low + delta, that are fitted to configurations seen
at both: the autoregressive model of Kennedy & O'Hagan (2000, eq. 1), with a delta that is normal and knows nothing of
the configuration. A slope of 1 is believed beforehand, as if a few configurations had said so: those that were promoted
are alike, and differ by noise.

How far off that may be (`model.lines`) is known noise to whoever regresses on the results, so that a fidelity that
foretells little weighs little, and curves that cross do little harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from trimtab.arrays import Floats, Ints
from trimtab.model.keys import numbered
from trimtab.model.lines import LARGEST, Line, Scale, fitted, variance_of
from trimtab.space.problem import Fidelity

if TYPE_CHECKING:
    from trimtab.model.settings import ModelSettings

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


def _carried(losses: Floats, steps: Sequence[Line], scale: Scale) -> tuple[Floats, Floats]:
    """Return losses [n] at the end of lines that are followed one after the other, and variances of what they miss.

    Variances are those of the better side: what a configuration may be worth, and not how bad it may be.
    """
    variance = np.zeros(len(losses))
    for line in steps:
        losses, variance = line.followed(losses, variance, scale)
    with np.errstate(over="ignore", invalid="ignore"):
        off = losses - scale.straight(scale.bent(losses) - np.sqrt(variance))
        known = np.minimum(np.square(off), LARGEST)
    return losses, np.where(variance > 0.0, known, 0.0)


def _lines(seen: Floats, scale: Scale, settings: ModelSettings) -> list[tuple[Line, ...]]:
    """Return, for each level of [c, L] losses, the lines that lead to the highest.

    One leads there at once where enough configurations were seen at both, else by way of the highest level of which
    that is so, else of the one with the most: few get to the highest rung, and many to the next.
    """
    n_levels = seen.shape[1]
    known = ~np.isnan(seen)
    lines: list[tuple[Line, ...]] = [()] * n_levels
    for low in reversed(range(n_levels - 1)):
        n_both = np.count_nonzero(known[:, low, None] & known[:, low + 1 :], axis=0)
        enough = np.flatnonzero(n_both >= min(settings.carried_pairs, int(n_both.max())))
        high = low + 1 + int(enough[-1])
        both = np.flatnonzero(known[:, low] & known[:, high])[-settings.carried_rows :]
        if not len(both):
            bent = scale.bent(seen[known[:, low], low])
            lines[low] = (Line(variance=variance_of(bent - np.median(bent), 0)),)
        else:
            lines[low] = (fitted(seen[both, low], seen[both, high], scale, settings), *lines[high])
    return lines
