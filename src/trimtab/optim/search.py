"""The search for the point of largest acquisition: many candidates, the best of them refined, then their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.model.features import Features
from trimtab.optim.lattice import Lattice
from trimtab.optim.place import place, reflected
from trimtab.space.parameter import CATEGORICAL
from trimtab.space.space import Space

N_REFINED: Final = 8
REFINE_STEPS: Final = 15
N_CHOICES: Final = 32

Slope = Callable[[Floats], tuple[Floats, Floats]]
"""From coordinates [m, Q] to scores [m] and their gradients [m, Q]."""


def candidates(space: Space, best: Floats, n: int, rng: Rng, given: Floats | None) -> Floats:
    """Return up to n rows: half spread evenly, a quarter near the best, a quarter very near.

    Args:
        space: the space.
        best: [b, D] rows to look around.
        n: how many are drawn; those that may not be tried are left out.
        rng: draws them.
        given: [D] values that rows must have, nan where free; None when all are.
    """
    u = rng.random((n, len(space)))
    near = n // 2
    centres = space.to_unit(best)[rng.integers(len(best), size=near)]
    moved = centres + rng.standard_normal(centres.shape) * np.where(np.arange(near) < near // 2, 0.1, 0.02)[:, None]
    categorical = space.kind == CATEGORICAL
    resample = np.isnan(centres) | (categorical & (rng.random(centres.shape) < 1.5 / max(1, len(space))))
    keep = ~resample & categorical
    u[:near] = np.where(resample, u[:near], np.where(keep, centres, reflected(moved)))
    x, fits = place(space, u, given)
    x = x[fits]
    return x if len(x) >= N_REFINED else np.concatenate([x, space.sample(rng, N_REFINED, given)])


def every_row(space: Space) -> Floats:
    """Return [n, D] every configuration of a finite space that its constraints allow."""
    lattice = Lattice(space, [_values(space, column) for column in range(len(space))])
    ranks, rank = [], lattice.first(0)
    while rank < lattice.size:
        ranks.append(rank)
        rank = lattice.next(rank)
    return lattice.rows(ranks)


def _values(space: Space, column: int) -> Floats:
    """Return the values of a parameter, ascending; the one that it is held at, if it is."""
    held = space.fixed_row()
    if held is not None and not np.isnan(held[column]):
        return held[column : column + 1]
    grid = space.parameters[column].grid
    k = space.parameters[column].n_values or 1
    return np.array([grid.value(i) for i in range(k)] if grid is not None else range(k), dtype=np.float64)


def refined(space: Space, features: Features, x: Floats, slope: Slope, reach: Floats) -> Floats:
    """Return [k, D] unit points: each start [k, D] climbed along the gradient in its numeric parameters.

    Adam (Kingma & Ba, 2015) with a step that shrinks, in all starts at once, scaled by the lengthscales: where the
    objective varies slowly, a point may move far.

    Args:
        space: the space.
        features: its embedding.
        x: [k, D] the starts.
        slope: what is climbed.
        reach: [P] lengthscales of the numeric parameters.
    """
    columns = features.numeric
    u = space.to_unit(x)
    if not len(columns):
        return np.where(np.isnan(u), 0.5, u)
    z = features.embed(x)
    at = features.unit(x)
    best_at, best_score = at.copy(), np.full(len(x), -np.inf)
    first, second = np.zeros_like(at), np.zeros_like(at)
    step = 0.08 * np.minimum(reach, 1.0)
    for t in range(1, REFINE_STEPS + 1):
        score, by_z = slope(features.move(z, x, at))
        better = score > best_score
        best_at[better], best_score[better] = at[better], score[better]
        uphill = features.gradient(by_z, x, at) * reach
        first = 0.8 * first + 0.2 * uphill
        second = 0.9 * second + 0.1 * uphill * uphill
        direction = (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.9**t)) + 1e-12)
        at = np.clip(at + step * (1.0 - (t - 1) / REFINE_STEPS) * direction, 0.0, 1.0)
    u = np.where(np.isnan(u), 0.5, u)
    u[:, columns] = best_at
    return u


def neighbours(space: Space, x: Floats, given: Floats | None) -> Floats:
    """Return the rows one discrete parameter away from one of `x`: another choice, or the next value up or down.

    Of a categorical of many choices these are the 32 that follow the row's own, so that climbing passes all of them.
    """
    found: list[Floats] = []
    for column, parameter in enumerate(space.parameters):
        grid = parameter.grid
        if grid is None or grid.n < 2 or (given is not None and not np.isnan(given[column])):
            continue
        for start in x[~np.isnan(x[:, column])]:
            at = grid.nearest(float(start[column]))
            if parameter.kind == CATEGORICAL:
                others = (at + np.arange(1, min(grid.n, N_CHOICES + 1))) % grid.n
            else:
                others = np.array([k for k in (at - 1, at + 1) if 0 <= k < grid.n])
            moved = np.repeat(start[None], len(others), axis=0)
            moved[:, column] = [grid.value(int(k)) for k in others]
            found.append(moved)
    if not found:
        return x[:0]
    u = space.to_unit(np.concatenate(found))
    rows, fits = place(space, np.where(np.isnan(u), 0.5, u), given)
    return rows[fits]
