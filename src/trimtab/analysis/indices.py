"""How much of the loss's variance each parameter takes part in, by the model of the trials, with intervals.

The total Sobol index of a parameter is the share of the variance that is left where all other parameters are known
(Saltelli et al., "Variance based sensitivity analysis of model output", 2010, table 2, estimator of Jansen): half the
mean square of what changing that parameter alone does. A condition is respected: a parameter that decides whether
others are active takes them with it, and one that is inactive changes nothing. What two parameters do together beyond
what each does alone is the total interaction index of Fruth, Roustant & Kuhnt ("Total interaction index", 2014, eq. 8).

Functions are drawn from the posterior, hyperparameters too, so that intervals hold what the trials leave open. Each
draw has points of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trimtab.analysis.response import Response
from trimtab.arrays import Bools, Floats, Ints, Rng, rng_at
from trimtab.numerics import blas
from trimtab.numerics.anova import TOGETHER as SAME
from trimtab.numerics.anova import Paths
from trimtab.numerics.arithmetic import quiet
from trimtab.space.space import Space

DRAWS: Final = 8
LOOKS: Final = 8e6
"""Draws of hyperparameters, each with a few functions, and factors of the kernel looked at over all of them: what half
a second allows."""

FEWEST_POINTS, MOST_POINTS = 32, 256
"""Points of one draw for each parameter."""

PAIRED: Final = 4
"""Pairs are looked at among so many parameters, the most important."""

LEVEL: Final = 0.9
"""The share of cases in which intervals are to hold the truth."""

CONSTANT: Final = 1e-12
"""A variance below that, of labels of variance 1, is rounding."""


@dataclass(frozen=True, slots=True)
class Indices:
    """Total indices.

    Attributes:
        total: [D] the index of each parameter, between 0 and 1; nan for one that is held.
        low, high: [D] 90 % intervals.
        pairs: [p, 2] columns of pairs that were looked at; together, together_low, together_high: [p] theirs.
    """

    total: Floats
    low: Floats
    high: Floats
    pairs: Ints
    together: Floats
    together_low: Floats
    together_high: Floats


@quiet()
def indices_of(response: Response, draws: int = DRAWS, looks: float = LOOKS) -> Indices:
    """Return the indices of a response; the same for the same trials."""
    space = response.space
    free = free_columns(space)
    rng = rng_at(0, len(response.x), stream=21)
    work = draws * len(response.x) * response.data.n_groups
    n = int(np.clip(looks // (2 * work), FEWEST_POINTS, MOST_POINTS))
    shares = np.full((draws, SAME, len(space)), np.nan)
    paths = response.paths(draws, rng)
    with blas.one_thread():
        for i, one in enumerate(paths):
            shares[i][:, free] = _total(one, response, free, n, rng)
    flat = shares.reshape(-1, len(space))
    total = np.full(len(space), np.nan)
    total[free] = np.nanmedian(flat[:, free], axis=0)
    low, high = _ends(flat)
    main = free[np.argsort(-total[free], kind="stable")][:PAIRED]
    pairs = np.array([(min(a, b), max(a, b)) for i, a in enumerate(main) for b in main[:i]], dtype=np.int64).reshape(
        -1, 2
    )
    paths = paths[: max(1, draws // 2)]
    each = np.empty((len(paths), SAME, len(pairs)))
    with blas.one_thread():
        for i, one in enumerate(paths):
            each[i] = _together(one, response, pairs, FEWEST_POINTS, rng)
    both = each.reshape(len(paths) * SAME, len(pairs))  # -1 says nothing of a single parameter, which has no pairs
    both_low, both_high = _ends(both)
    middle = np.nanmedian(both, axis=0) if len(pairs) else np.zeros(0)
    return Indices(total, low, high, pairs, middle, both_low, both_high)


def _ends(shares: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the intervals of shares [draws, ...], nan where all are."""
    known = ~np.isnan(shares).all(axis=0)
    low, high = np.full(shares.shape[1], np.nan), np.full(shares.shape[1], np.nan)
    if known.any():
        tail = (1.0 - LEVEL) / 2.0
        low[known], high[known] = np.nanquantile(shares[:, known], [tail, 1.0 - tail], axis=0)
    return low, high


def free_columns(space: Space) -> Ints:
    """Return the columns of the parameters that may take more than one value."""
    held = space.fixed_row()
    free = [i for i, p in enumerate(space.parameters) if p.n_values != 1 and (held is None or np.isnan(held[i]))]
    return np.array(free, dtype=np.int64)


def points(space: Space, n: int, rng: Rng) -> Floats:
    """Return [n, D] points of the unit cube, one in each of n stretches of every parameter."""
    order = rng.permuted(np.tile(np.arange(n), (len(space), 1)), axis=1).T
    found: Floats = (order + rng.uniform(size=(n, len(space)))) / n
    return found


def _values(paths: Paths, response: Response, sets: list[tuple[int, ...]], n: int, rng: Rng) -> tuple[Floats, Bools]:
    """Return ([S, s, n] values, [s, n] whether that is allowed) at n points, the columns of each set moved."""
    space = response.space
    u, other = points(space, n, rng), points(space, n, rng)
    blocks = np.repeat(u[None], len(sets), axis=0)
    for i, columns in enumerate(sets):
        blocks[i][:, columns] = other[:, columns]
    embed = response.features.embed
    if space.is_conditional:  # what is moved may take others with it
        x = space.from_unit(blocks.reshape(-1, len(space)))
        values = paths(embed(x)).reshape(-1, len(sets), n)
    else:
        group = {column: g for g, column in enumerate(response.features.columns.tolist())}
        moved = [tuple(group[column] for column in columns) for columns in sets]
        values = paths.swapped(embed(space.from_unit(u)), embed(space.from_unit(other)), moved)
    if not space.constraints:
        return values, np.ones(values.shape[1:], dtype=bool)
    x = space.from_unit(blocks.reshape(-1, len(space)))
    return values, space.satisfied(x).reshape(len(sets), n)


def _total(paths: Paths, response: Response, free: Ints, n: int, rng: Rng) -> Floats:
    """Return [S, F] the total indices of some functions."""
    values, allowed = _values(paths, response, [(), *((column,) for column in free.tolist())], n, rng)
    if not allowed[0].any():
        return np.full((len(values), len(free)), np.nan)
    variance = np.maximum(values[:, allowed].var(axis=1), CONSTANT)[:, None]
    both = allowed[1:] & allowed[0]
    square = np.where(both, values[:, 1:] - values[:, :1], 0.0) ** 2
    shares: Floats = square.sum(axis=2) / np.maximum(both.sum(axis=1), 1) / (2.0 * variance)
    return np.minimum(shares, 1.0)


def _together(paths: Paths, response: Response, pairs: Ints, n: int, rng: Rng) -> Floats:
    """Return [S, p] the total interaction indices of pairs, of some functions."""
    if not len(pairs):
        return np.zeros((SAME, 0))
    sets: list[tuple[int, ...]] = [()]
    for i, j in pairs.tolist():
        sets += [(i,), (j,), (i, j)]
    values, allowed = _values(paths, response, sets, n, rng)
    variance = np.maximum(values.reshape(len(values), -1).var(axis=1), CONSTANT)[:, None]
    corners = values[:, 1:].reshape(len(values), len(pairs), 3, n)
    fits = allowed[1:].reshape(len(pairs), 3, n).all(axis=1) & allowed[0]
    mixed = values[:, :1] - corners[:, :, 0] - corners[:, :, 1] + corners[:, :, 2]
    square = np.where(fits, mixed, 0.0) ** 2
    found: Floats = square.sum(axis=2) / np.maximum(fits.sum(axis=1), 1) / (4.0 * variance)
    return np.minimum(found, 1.0)
