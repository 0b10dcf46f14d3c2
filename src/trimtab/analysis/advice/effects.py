"""How much each parameter matters, as far as advice needs to know it: by a model of the results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis.advice.sight import Sight
from trimtab.arrays import Floats, rng_at
from trimtab.model.surrogate import Model
from trimtab.numerics import blas
from trimtab.space.space import Space

N_BASE: Final = 256
"""Pairs of configurations that shares of variance are estimated from: to a few hundredths, which is what rules ask."""
N_GRID: Final = 9
"""Values of a number at which its effect near the best is looked at."""
N_NEAR: Final = 8
"""Of the best configurations, around which it is looked at."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What the model says of each parameter [D]; nan for those that are not searched.

    Attributes:
        total: the share of the variance over the whole space that goes with the parameter, alone or with others: the
            total index of Sobol (2001), as estimated by Jansen (1999).
        alone: the share that it explains by itself.
        near: by how much the parameter, moved over its whole range, changes the expected result of the best
            configurations, in units of what lies between the best and the median result.
        near_high: the same, as large as it may well be (two standard deviations).
    """

    total: Floats
    alone: Floats
    near: Floats
    near_high: Floats


def effects(sight: Sight, model: Model | None = None, space: Space | None = None) -> Effects | None:
    """Return how much the parameters matter; None where the model cannot say.

    Args:
        sight: the study.
        model: of its results; its own if None.
        space: what the model was made for; the study's if None.
    """
    model = sight.model if model is None else model
    space = sight.space if space is None else space
    if model is None:
        return None
    with blas.one_thread():
        total, alone = _shares(model, space)
        near, high = _near(model, space)
    return Effects(total, alone, near, high)


def _mean(model: Model, x: Floats) -> Floats:
    return model.posterior.mean(model.features.embed(x))


def _shares(model: Model, space: Space) -> tuple[Floats, Floats]:
    """Return [D] total and [D] first-order shares of variance."""
    rng = rng_at(0, N_BASE)
    a, b = space.sample(rng, N_BASE), space.sample(rng, N_BASE)
    f_a, f_b = _mean(model, a), _mean(model, b)
    variance = float(np.var(np.concatenate([f_a, f_b])))
    total, alone = np.full(len(space), np.nan), np.full(len(space), np.nan)
    if variance <= 0.0:
        return total, alone
    held = space.fixed_row()
    for column, parameter in enumerate(space.parameters):
        if parameter.n_values == 1 or (held is not None and not np.isnan(held[column])):
            continue
        mixed = a.copy()
        mixed[:, column] = b[:, column]
        f_mixed = _mean(model, space.canonical(mixed))
        total[column] = float(np.square(f_a - f_mixed).mean()) / (2.0 * variance)
        alone[column] = max(0.0, 1.0 - float(np.square(f_b - f_mixed).mean()) / (2.0 * variance))
    return total, alone


def _near(model: Model, space: Space) -> tuple[Floats, Floats]:
    """Return [D] the effect near the best, and [D] how large it may be."""
    near, high = np.full(len(space), np.nan), np.full(len(space), np.nan)
    seen = model.seen
    best = seen.x[seen.best(N_NEAR)]
    unit = float(seen.labels.max() - np.median(seen.labels))
    if unit <= 0.0:
        return near, high
    held = space.fixed_row()
    for column, parameter in enumerate(space.parameters):
        active = best[~np.isnan(best[:, column])]
        if parameter.n_values == 1 or (held is not None and not np.isnan(held[column])) or not len(active):
            continue
        n_values = parameter.n_values
        if n_values is not None and n_values <= 2 * N_GRID:
            values = np.array([space.parameters[column].grid.value(i) for i in range(n_values)])  # type: ignore[union-attr]  # it has values
        else:
            values = _spaced(space, active[0], column)
        rows = np.repeat(active, len(values), axis=0)
        rows[:, column] = np.tile(values, len(active))
        rows = space.canonical(rows)
        mean, deviation = model.posterior.predict(model.features.embed(rows))
        mean, deviation = mean.reshape(len(active), -1), deviation.reshape(len(active), -1)
        spread = (mean.max(axis=1) - mean.min(axis=1)) / unit
        near[column] = float(spread.mean())
        high[column] = float((spread + 2.0 * deviation.max(axis=1) / unit).mean())
    return near, high


def _spaced(space: Space, row: Floats, column: int) -> Floats:
    """Return values of a number evenly over its range, on its own scale."""
    u = np.repeat(space.to_unit(row)[None], N_GRID, axis=0)
    u[:, column] = np.linspace(0.0, 1.0, N_GRID)
    found: Floats = space.from_unit(u)[:, column]
    return found
