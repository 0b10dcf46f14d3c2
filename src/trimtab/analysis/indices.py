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
from trimtab.numerics.arithmetic import quiet
from trimtab.numerics.paths import Path
from trimtab.space.space import Space

DRAWS: Final = 24
LOOKS: Final = 40_000
"""Functions drawn, and points looked at over all of them: what a second allows."""

FEWEST_POINTS, MOST_POINTS = 32, 256
"""Points of one draw for each parameter."""

PAIRED: Final = 5
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
def indices_of(response: Response, draws: int = DRAWS, looks: int = LOOKS) -> Indices:
    """Return the indices of a response; the same for the same trials."""
    space = response.space
    free = free_columns(space)
    rng = rng_at(0, len(response.x), stream=21)
    n = int(np.clip(looks // (draws * (len(free) + 1)), FEWEST_POINTS, MOST_POINTS))
    shares = np.full((draws, len(space)), np.nan)
    paths = response.paths(draws, rng)
    with blas.one_thread():
        for i, path in enumerate(paths):
            shares[i, free] = _total(path, response, free, n, rng)
    total = np.full(len(space), np.nan)
    total[free] = np.nanmedian(shares[:, free], axis=0)
    low, high = _ends(shares)
    main = free[np.argsort(-total[free], kind="stable")][:PAIRED]
    pairs = np.array([(min(a, b), max(a, b)) for i, a in enumerate(main) for b in main[:i]], dtype=np.int64).reshape(
        -1, 2
    )
    both = np.empty((draws, len(pairs)))
    with blas.one_thread():
        for i, path in enumerate(paths):
            both[i] = _together(path, response, pairs, FEWEST_POINTS, rng)
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


def _allowed(space: Space, x: Floats) -> Bools:
    return space.satisfied(x) if space.constraints else np.ones(len(x), dtype=bool)


def _total(path: Path, response: Response, free: Ints, n: int, rng: Rng) -> Floats:
    """Return [F] the total indices of one function."""
    space = response.space
    u, other = points(space, n, rng), points(space, n, rng)
    blocks = np.tile(u, (len(free) + 1, 1))
    for place, column in enumerate(free.tolist()):
        blocks[(place + 1) * n : (place + 2) * n, column] = other[:, column]
    x = space.from_unit(blocks)
    values = path(response.features.embed(x)).reshape(len(free) + 1, n)
    allowed = _allowed(space, x).reshape(len(free) + 1, n)
    base = values[0][allowed[0]]
    variance = float(values[allowed].var()) if len(base) > 1 else 0.0
    if not variance > CONSTANT:
        return np.zeros(len(free))
    moved = np.where(allowed[1:] & allowed[0], values[1:] - values[0], np.nan)
    counts = np.maximum((~np.isnan(moved)).sum(axis=1), 1)
    shares: Floats = np.nansum(moved**2, axis=1) / counts / (2.0 * variance)
    return np.minimum(shares, 1.0)


def _together(path: Path, response: Response, pairs: Ints, n: int, rng: Rng) -> Floats:
    """Return [p] the total interaction indices of pairs, of one function."""
    if not len(pairs):
        return np.zeros(0)
    space = response.space
    u, other = points(space, n, rng), points(space, n, rng)
    blocks = np.tile(u, (len(pairs), 4, 1, 1)).reshape(len(pairs), 4, n, -1)
    for k, (i, j) in enumerate(pairs.tolist()):
        blocks[k, 1, :, i] = blocks[k, 3, :, i] = other[:, i]
        blocks[k, 2, :, j] = blocks[k, 3, :, j] = other[:, j]
    x = space.from_unit(blocks.reshape(-1, len(space)))
    values = path(response.features.embed(x)).reshape(len(pairs), 4, n)
    allowed = _allowed(space, x).reshape(len(pairs), 4, n).all(axis=1)
    variance = float(values.var())
    if not variance > CONSTANT:
        return np.zeros(len(pairs))
    square = (values[:, 0] - values[:, 1] - values[:, 2] + values[:, 3]) ** 2
    found: Floats = np.where(allowed, square, 0.0).sum(axis=1) / np.maximum(allowed.sum(axis=1), 1) / (4.0 * variance)
    return np.minimum(found, 1.0)
