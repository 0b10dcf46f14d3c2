"""Gaussian-process regression of what drifts: a squared exponential, of which a share is forgotten from step to step.

The covariance of two rows is (1 - noise) exp(-d / 2 length**2) (1 - forgotten) ** (t / 2), t steps apart, and `noise`
more of a row with itself: equation 8 of Parker-Holder et al. (2020, arXiv 2002.02518), after Bogunovic et al. (2016).
What is predicted is in units of the amplitude, which the rows themselves say.

Everything is float64. Letters: n rows, p rows that are pending, m points asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final, NamedTuple

import numpy as np

from trimtab.arrays import Floats

TINY: Final = 1e-12
"""The least variance of rows, where all are equal."""


class Drift(NamedTuple):
    """The hyperparameters.

    Attributes:
        length: the lengthscale, above 0.
        forgotten: the share that is forgotten in a step, from 0 to below 1.
        noise: the part of noise in the variance, above 0.
    """

    length: float
    forgotten: float
    noise: float


def likeliest(
    apart: Floats,
    between: Floats,
    y: Floats,
    lengths: Sequence[float],
    forgotten: Sequence[float],
    noises: Sequence[float],
) -> Drift:
    """Return the hyperparameters of a grid with the largest likelihood, the amplitude at its best; of equals the first.

    The factor of a kernel that is bordered by y has the whitened y as its border, so that one factorisation says all.

    Args:
        apart: [n, n] squared distances.
        between: [n, n] how many steps lie between rows.
        y: [n] values, about 0.
        lengths: the lengthscales of the grid.
        forgotten: its shares.
        noises: its parts of noise.
    """
    from scipy.linalg.lapack import dpotrf  # imported when used: it takes a tenth of a second

    n, grid = len(y), [Drift(*each) for each in product(lengths, forgotten, noises)]
    near = [np.exp(-0.5 * apart / length**2) for length in lengths]
    kept = [_kept(between, share) for share in forgotten]
    corner = 1.0 + float(y @ y) / min(noises)  # above y' K^-1 y, so that what is bordered has a factor
    white, roots = np.empty((len(grid), n)), np.empty((len(grid), n))
    bordered = np.empty((n + 1, n + 1))  # one for all stays in the cache
    diagonal = bordered.reshape(-1)[:: n + 2]
    for i, (one, other) in enumerate(product(near, kept)):
        like = one * other
        for k, noise in enumerate(noises, i * len(noises)):
            np.multiply(like, 1.0 - noise, out=bordered[:n, :n])
            diagonal[:n] += noise
            bordered[:n, n], bordered[n, n] = y, corner
            dpotrf(bordered.T, lower=1, clean=0, overwrite_a=1)  # in place: transposed it is in LAPACK's order
            white[k], roots[k] = bordered[:n, n], diagonal[:n]
    total = np.maximum(np.square(white).sum(axis=1) / n, TINY)
    likelihood = -0.5 * n * np.log(total) - np.log(roots).sum(axis=1)
    return grid[int(np.argmax(likelihood))]


def predicted(
    apart: Floats, between: Floats, y: Floats, across_apart: Floats, across_between: Floats, drift: Drift
) -> tuple[Floats, Floats]:
    """Return ([m] means, [m] variances) of points, those counted as seen that are pending.

    Args:
        apart: [n + p, n + p] squared distances.
        between: [n + p, n + p] how many steps lie between rows.
        y: [n] values of the first rows, about 0; of the pending ones nothing is known but where they are.
        across_apart: [n + p, m] squared distances from the points.
        across_between: [n + p, m] how many steps lie between them.
        drift: the hyperparameters.
    """
    from scipy.linalg.lapack import dpotrf, dtrtrs

    n, share = len(y), 1.0 - drift.noise
    kernel = share * _like(apart, between, drift) + drift.noise * np.eye(len(apart))
    every = dpotrf(kernel.T, lower=1, clean=1)[0]
    # Of the rows before the pending ones: the factor of a leading block is the leading block of the factor.
    white = dtrtrs(every[:n, :n], y, lower=1)[0]
    whitened = dtrtrs(every, share * _like(across_apart, across_between, drift), lower=1)[0]
    amplitude = max(float(white @ white) / n, TINY)
    left = share - np.square(whitened).sum(axis=0)
    return whitened[:n].T @ white, amplitude * np.maximum(left, 0.0)


def _like(apart: Floats, between: Floats, drift: Drift) -> Floats:
    found: Floats = np.exp(-0.5 * apart / drift.length**2) * _kept(between, drift.forgotten)
    return found


def _kept(between: Floats, forgotten: float) -> Floats:
    """Return (1 - forgotten) ** (between / 2), what is not forgotten: a power takes three times as long."""
    kept: Floats = np.exp(between * (0.5 * np.log1p(-forgotten)))
    return kept
