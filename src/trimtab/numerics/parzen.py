"""Parzen estimators: mixtures of product kernels over points of the unit cube, one kernel per point and a prior.

The estimator of TPE (Bergstra et al., "Algorithms for hyper-parameter optimization", 2011, section 4), joint over the
parameters as in BOHB (Falkner et al., 2018): a component is a whole configuration, so that what goes together stays
together. A numeric coordinate has a normal kernel truncated to the unit interval, integrated over the cell of the value
where values are discrete; a categorical one has a kernel that keeps most of its mass on the choice that was seen. The
prior is uniform.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trimtab.arrays import Bools, Floats, Ints, Rng
from trimtab.numerics.cut_normal import quantile

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True, slots=True)
class Points:
    """Places in the unit cube, and the cells of their values.

    Attributes:
        u: [n, D] the places; of a categorical of k choices, anywhere in the choice's k-th part of the interval.
        low, high: [n, D] the edges of the cell in which a discrete value lies, both equal to `u` in a continuum.
    """

    u: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.u)

    def take(self, rows: Ints | Bools, columns: Ints) -> Points:
        """Return the points of some rows in some coordinates."""
        at = np.ix_(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows, columns)
        return Points(self.u[at], self.low[at], self.high[at])


class Parzen:
    """A mixture over points, and its density.

    Args:
        u: [n, D] the centres of the kernels.
        deviation: [n, D] of the normal kernels; read in numeric coordinates only.
        n_choices: [D] how many choices a categorical coordinate has, 0 for a numeric one.
        is_discrete: [D] whether a numeric coordinate takes few values: its kernels are integrated over their cells.
        weight: [n] of the kernels, relative to a prior of weight 1; 1 each if None.
    """

    def __init__(
        self, u: Floats, deviation: Floats, n_choices: Ints, is_discrete: Bools, weight: Floats | None = None
    ) -> None:
        self._u = u
        self._deviation = deviation
        self._continuous = np.flatnonzero((n_choices == 0) & ~is_discrete)
        self._discrete = np.flatnonzero((n_choices == 0) & is_discrete)
        self._categorical = np.flatnonzero(n_choices)
        self._n_choices = n_choices
        weights = np.append(np.ones(len(u)) if weight is None else weight, 1.0)
        self._weights = weights / weights.sum()
        # With this share a kernel on choices is uniform, else it is the choice: each has 1 / (n + 1) of a prior.
        n_smoothed = n_choices / (len(u) + 1.0)
        self._share = n_smoothed / (1.0 + n_smoothed)
        numeric = np.concatenate([self._continuous, self._discrete])
        centre, spread = u[:, numeric], deviation[:, numeric]
        self._log_mass = log_normal_mass(-centre / spread, (1.0 - centre) / spread).sum(axis=1)

    def log_density(self, points: Points) -> Floats:
        """Return [m] log densities; of a discrete value its log probability."""
        kernels = self._log_kernels(points)
        cells = [*self._discrete, *self._categorical]
        prior = np.log(points.high[:, cells] - points.low[:, cells]).sum(axis=1)
        with np.errstate(divide="ignore"):
            terms = np.concatenate([kernels, prior[:, None]], axis=1) + np.log(self._weights)
        top = terms.max(axis=1, keepdims=True)
        density: Floats = np.log(np.exp(terms - top).sum(axis=1)) + top[:, 0]
        return density

    def sample(self, rng: Rng, n: int) -> Floats:
        """Draw [n, D] places; discrete values are those of the cells that the places lie in."""
        which = np.searchsorted(np.cumsum(self._weights)[:-1], rng.random(n), side="right")
        u = rng.random((n, self._u.shape[1]))
        rows = np.flatnonzero(which < len(self._u))
        kernel = which[rows]
        numeric = np.concatenate([self._continuous, self._discrete])
        if len(numeric):
            at = np.ix_(kernel, numeric)
            cells = np.ix_(rows, numeric)
            u[cells] = quantile(u[cells], self._u[at], self._deviation[at])
        for column in self._categorical.tolist():
            share, r = self._share[column], u[rows, column]
            u[rows, column] = np.where(r < share, r / share, self._u[kernel, column])
        return u

    def _log_kernels(self, points: Points) -> Floats:
        """Return [m, n] the log density of every kernel at every point."""
        continuous = self._continuous
        inverse = 1.0 / self._deviation[:, continuous]
        scaled = self._u[:, continuous] * inverse
        u = points.u[:, continuous]
        # The square of a difference as three products of matrices.
        squares = (u * u) @ (inverse * inverse).T - 2.0 * u @ (scaled * inverse).T + (scaled * scaled).sum(axis=1)
        constant = np.log(inverse).sum(axis=1) - len(continuous) * _LOG_SQRT_2PI - self._log_mass
        kernels: Floats = constant - 0.5 * np.maximum(squares, 0.0)
        for column in self._discrete.tolist():
            kernels += self._log_cells(points.low[:, column], points.high[:, column], column)
        for column in self._categorical.tolist():
            k, share = int(self._n_choices[column]), self._share[column]
            same = _choice(points.u[:, column], k)[:, None] == _choice(self._u[:, column], k)
            kernels += np.where(same, np.log1p(share / k - share), np.log(share / k))
        return kernels

    def _log_cells(self, low: Floats, high: Floats, column: int) -> Floats:
        """Return [m, n] the log mass of every normal kernel in every cell; each pair that differs is computed once."""
        low, at, place = np.unique(low, return_index=True, return_inverse=True)
        pairs = self._u[:, column] + 1j * self._deviation[:, column]  # as one number, which is sorted at once
        kernels, kernel = np.unique(pairs, return_inverse=True)
        centre, spread = kernels.real, kernels.imag
        mass = log_normal_mass((low[:, None] - centre) / spread, (high[at][:, None] - centre) / spread)
        table: Floats = mass[place[:, None], kernel]
        return table


def log_normal_mass(low: Floats, high: Floats) -> Floats:
    """Return log(Phi(high) - Phi(low)), low < high, exact in the tails and for intervals of any width."""
    from scipy.special import log_ndtr

    # In the left tail Phi keeps its digits; the right one is its mirror image.
    flip = low + high > 0.0
    a, b = np.where(flip, -high, low), np.where(flip, -low, high)
    width, middle = b - a, 0.5 * (a + b)
    narrow = width * np.maximum(1.0, -middle) < 1e-3
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        upper = log_ndtr(b)
        wide = upper + np.log1p(-np.exp(log_ndtr(a) - upper))
        # There the difference loses its digits: the density at the middle times the width, to the fourth order.
        tilt = middle * width
        near = np.log(width) - _LOG_SQRT_2PI - 0.5 * middle * middle + (tilt * tilt - width * width) / 24.0
    mass: Floats = np.where(narrow, near, wide)
    return mass


def neighbour_deviation(u: Floats) -> Floats:
    """Return [n, D] for each centre the distance to the farther of its neighbours in each coordinate.

    The first and the last have one neighbour. None is less than 1 / min(100, n + 2): without that floor, the "magic
    clip" of Hyperopt, kernels on a cluster would keep all later draws there.
    """
    n = len(u)
    order = np.argsort(u, axis=0, kind="stable")
    gaps = np.diff(np.take_along_axis(u, order, axis=0), axis=0)
    if n < 2:
        return np.ones_like(u)
    farther = np.concatenate([gaps[:1], np.maximum(gaps[:-1], gaps[1:]), gaps[-1:]])
    deviation = np.empty_like(u)
    np.put_along_axis(deviation, order, farther, axis=0)
    return np.clip(deviation, 1.0 / min(100, n + 2), 1.0)


def _choice(u: Floats, k: int) -> Ints:
    return np.minimum((u * k).astype(np.int64), k - 1)
