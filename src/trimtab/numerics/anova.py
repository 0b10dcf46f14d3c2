"""Gaussian-process regression with an ANOVA kernel: what each parameter does alone, and what they do together.

The covariance is amplitude * prod_d (1 + s_d k_d), with a Matérn-5/2 kernel k_d of each parameter's distance: the sum
over all sets of parameters of the products of theirs (Durrande, Ginsbourger, Roustant & Carraro, "ANOVA kernels and
RKHS of zero mean functions for model-based sensitivity analysis", 2013). What a parameter does alone is learned from
all rows, whatever the others were, which a kernel of one joint distance has to learn anew at each place: for a picture
of the whole range that is worth more than what a search needs, smoothness about the best.

Letters: n rows, m points, G groups of coordinates (a group is one parameter), F features of a draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from trimtab.arrays import Floats, Ints, Rng

SQRT5: Final = 5.0**0.5

BOUNDS: Final = {"amplitude": (1e-4, 1e3), "noise": (1e-7, 4.0), "scale": (1e-4, 1e3), "length": (0.05, 20.0)}
"""Of labels with variance 1 and coordinates in a unit interval."""

CENTRES: Final = {"amplitude": 0.3, "noise": 1e-3, "scale": 0.3, "length": 0.7}
WEIGHT: Final = {"amplitude": 0.02, "noise": 0.02, "scale": 0.05, "length": 0.2}
"""Penalties, weight * log(value / centre)**2: weak, so that the rows decide where they say something."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is regressed on: z [n, Q] coordinates, y [n] labels, group [Q], n_groups, noise_share [n]."""

    z: Floats
    y: Floats
    group: Ints
    n_groups: int
    noise_share: Floats

    def take(self, part: Ints) -> Rows:
        return Rows(self.z[part], self.y[part], self.group, self.n_groups, self.noise_share[part])


def prior(n_groups: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return ([2 G + 2] centres, weights, low and high ends) of the logarithms: amplitude, noise, scales, lengths."""
    names = ["amplitude", "noise", *["scale"] * n_groups, *["length"] * n_groups]
    centre = np.log([CENTRES[name] for name in names])
    weight = np.array([WEIGHT[name] for name in names])
    low, high = np.log([BOUNDS[name] for name in names]).T
    return centre, weight, low, high


def distances(a: Floats, b: Floats, group: Ints, n_groups: int) -> Floats:
    """Return [G, n, m] the distance of each parameter between rows [n, Q] and [m, Q]."""
    found = np.empty((n_groups, len(a), len(b)))
    for g in range(n_groups):
        mine = group == g
        if mine.sum() == 1:
            found[g] = np.abs(a[:, mine] - b[:, mine].T)
        else:
            square = np.square(a[:, None, mine] - b[None, :, mine]).sum(axis=2)
            found[g] = np.sqrt(square)
    return found


def _matern(s: Floats) -> tuple[Floats, Floats]:
    """Return Matérn-5/2 of s = sqrt(5) r / length, and its derivative by log length."""
    decay = np.exp(-s)
    value: Floats = (1.0 + s + s * s / 3.0) * decay
    slope: Floats = s * s * (1.0 + s) / 3.0 * decay
    return value, slope


def value_and_gradient(theta: Floats, rows: Rows, d: Floats) -> tuple[float, Floats]:
    """Return minus the log marginal likelihood plus penalties, and its gradient; d are the rows' `distances`."""
    from scipy.linalg.lapack import dpotrf, dpotri

    groups, n = rows.n_groups, len(rows.y)
    amplitude, noise = np.exp(theta[:2]).tolist()
    scales, lengths = np.exp(theta[2 : 2 + groups]), np.exp(theta[2 + groups :])
    k = np.full((n, n), amplitude)
    parts = []
    for g in range(groups):
        value, slope = _matern(d[g] * (SQRT5 / lengths[g]))
        factor = 1.0 + scales[g] * value
        k *= factor
        parts.append((value, slope, factor))
    covariance = k.copy()
    covariance.flat[:: n + 1] += noise * rows.noise_share + 1e-8 * k[0, 0]
    chol, info = dpotrf(covariance, lower=1, clean=1, overwrite_a=1)
    if info != 0:
        return np.inf, np.zeros_like(theta)
    half, _ = dpotri(chol, lower=1)
    inverse = np.tril(half) + np.tril(half, -1).T
    alpha = inverse @ rows.y
    found = 0.5 * float(rows.y @ alpha) + float(np.log(np.diagonal(chol)).sum())
    w = inverse - np.outer(alpha, alpha)
    gradient = np.empty_like(theta)
    wk = w * k
    gradient[0] = 0.5 * float(wk.sum())
    gradient[1] = 0.5 * noise * float(np.diagonal(w) @ rows.noise_share)
    for g, (value, slope, factor) in enumerate(parts):
        share = wk / factor
        gradient[2 + g] = 0.5 * scales[g] * float(np.vdot(share, value))
        gradient[2 + groups + g] = 0.5 * scales[g] * float(np.vdot(share, slope))
    centre, weight, _, _ = prior(groups)
    off = theta - centre
    return found + float(weight @ (off * off)), gradient + 2.0 * weight * off


def fit(rows: Rows, max_evaluations: int) -> Floats:
    """Return [2 G + 2] the best hyperparameters, as logarithms, that L-BFGS-B finds from the centres."""
    from scipy.optimize import minimize

    centre, _, low, high = prior(rows.n_groups)
    d = distances(rows.z, rows.z, rows.group, rows.n_groups)
    found: Any = minimize(
        value_and_gradient, centre, args=(rows, d), jac=True, method="L-BFGS-B",
        bounds=list(zip(low, high, strict=True)),
        options={"maxfun": max_evaluations, "maxiter": max_evaluations, "ftol": 1e-6, "gtol": 1e-3},
    )  # fmt: skip
    best: Floats = found.x if np.isfinite(found.fun) else centre
    return best


class Posterior:
    """The process, conditioned on rows at given hyperparameters [2 G + 2]."""

    def __init__(self, rows: Rows, theta: Floats) -> None:
        self.rows, self.theta = rows, theta
        self.amplitude, self.noise = np.exp(theta[:2]).tolist()
        self.scales = np.exp(theta[2 : 2 + rows.n_groups])
        self.lengths = np.exp(theta[2 + rows.n_groups :])
        covariance = self.covariances(rows.z)
        self.top = float(covariance[0, 0])
        covariance.flat[:: len(covariance) + 1] += self.noise * rows.noise_share + 1e-8 * self.top
        self._chol = np.linalg.cholesky(covariance)
        self._alpha = self.solve(rows.y)

    def covariances(self, z: Floats) -> Floats:
        """Return [n, m] the prior covariances of the labels with the function at [m, Q]."""
        k = np.full((len(self.rows.z), len(z)), self.amplitude)
        for g in range(self.rows.n_groups):
            k *= self.factor(g, z)
        return k

    def factor(self, g: int, z: Floats) -> Floats:
        """Return [n, m] what group g makes of the covariances."""
        mine = self.rows.group == g
        scale = SQRT5 / self.lengths[g]
        a, b = self.rows.z[:, mine] * scale, z[:, mine] * scale
        s: Floats = np.abs(a - b.T) if mine.sum() == 1 else np.sqrt(np.square(a[:, None] - b[None]).sum(axis=2))
        found = s * (1.0 / 3.0)
        found += 1.0
        found *= s
        found += 1.0
        found *= np.exp(np.negative(s, out=s), out=s)
        found *= self.scales[g]
        found += 1.0
        return found

    def solve(self, labels: Floats) -> Floats:
        """Return [n] the weights that `covariances` takes to means, were the labels [n] these."""
        from scipy.linalg.lapack import dpotrs

        solved, _ = dpotrs(self._chol, labels, lower=1)
        found: Floats = np.asarray(solved, dtype=np.float64)
        return found

    def mean(self, z: Floats) -> Floats:
        """Return [m] means at [m, Q]."""
        found: Floats = self.covariances(z).T @ self._alpha
        return found

    def predict(self, z: Floats) -> tuple[Floats, Floats]:
        """Return [m] means and [m] deviations of the function, without noise, at [m, Q]."""
        from scipy.linalg.blas import dtrsm

        k = self.covariances(z)
        v = dtrsm(1.0, self._chol, k, lower=1)
        variance = np.maximum(self.top - np.einsum("nm,nm->m", v, v), 1e-12 * self.top)
        return k.T @ self._alpha, np.sqrt(variance)

    def left_out(self) -> Floats:
        """Return [n] by how much each label exceeds what all others let expect (Rasmussen & Williams, eq. 5.12)."""
        inverse = self.solve(np.eye(len(self.rows.y)))
        found: Floats = self._alpha / np.diagonal(inverse)
        return found


FEATURES: Final = 256
"""Cosines of a draw. By taste: the kernel repairs near the rows what so few miss, and more cost more."""

STEP: Final = 0.1
"""Of the differences that make the curvature, in logarithms: small against 1, large against what a fit leaves open."""

LEAST_CURVATURE: Final = 1.0
"""A direction in which the likelihood is flatter has a deviation of 1 in the logarithm: beyond, what is drawn is
nothing that the rows say."""


TOGETHER: Final = 4
"""Functions that are drawn with the same hyperparameters: the kernel is looked at once for all of them."""


class Paths:
    """A few functions of the posterior, which can be looked at anywhere; S of them, of the same hyperparameters.

    A draw from the prior is a sum of cosines (Rahimi & Recht, "Random features for large-scale kernel machines", 2007);
    what it misses of the labels is made up for by the kernel (Matheron's rule: Wilson et al., "Efficiently sampling
    functions from Gaussian process posteriors", 2020, eq. 13). A factor 1 + s k has a spectrum that is a point at 0
    with weight 1 / (1 + s), and else that of a Matérn-5/2 kernel: a t distribution with 5 degrees of freedom
    (Rasmussen & Williams, 2006, eq. 4.15).

    Args:
        rows: what was seen.
        theta: the hyperparameters.
        rng: draws it.
    """

    def __init__(self, rows: Rows, theta: Floats, rng: Rng) -> None:
        self._posterior = posterior = Posterior(rows, theta)
        shape = (rows.n_groups, FEATURES)
        spread = np.sqrt(5.0 / rng.chisquare(5.0, shape)) / posterior.lengths[:, None]
        spread *= rng.uniform(size=shape) < (posterior.scales / (1.0 + posterior.scales))[:, None]
        self._frequencies = rng.standard_normal((len(rows.group), FEATURES)) * spread[rows.group]
        self._phases = rng.uniform(0.0, 2.0 * np.pi, FEATURES)
        self._weights = rng.standard_normal((FEATURES, TOGETHER)) * np.sqrt(2.0 * posterior.top / FEATURES)
        deviation = np.sqrt(posterior.noise * rows.noise_share + 1e-8 * posterior.top)
        noise = deviation[:, None] * rng.standard_normal((len(rows.y), TOGETHER))
        told = rows.y[:, None] - self._prior(rows.z).T - noise
        self._correction = posterior.solve(told)

    def __call__(self, z: Floats) -> Floats:
        """Return [S, m] their values at [m, Q]."""
        found: Floats = self._prior(z) + self._correction.T @ self._posterior.covariances(z)
        return found

    def swapped(self, z: Floats, other: Floats, sets: Sequence[tuple[int, ...]]) -> Floats:
        """Return [S, s, m] their values at points z [m, Q] with some groups of coordinates taken from `other` [m, Q].

        Of each set of groups the kernel is what it was, but for their factors: that saves looking at all others anew.
        """
        posterior = self._posterior
        k = np.full((len(posterior.rows.z), len(z)), posterior.amplitude)
        wanted = {g for groups in sets for g in groups}
        ratios: dict[int, Floats] = {}
        for g in range(posterior.rows.n_groups):
            factor = posterior.factor(g, z)
            k *= factor
            if g in wanted:
                ratios[g] = posterior.factor(g, other) / factor
        found = np.empty((TOGETHER, len(sets), len(z)))
        for i, groups in enumerate(sets):
            moved, here = k, np.isin(posterior.rows.group, groups)
            for g in groups:
                moved = moved * ratios[g]
            found[:, i] = self._correction.T @ moved + self._prior(np.where(here, other, z))
        return found

    def _prior(self, z: Floats) -> Floats:
        found: Floats = (np.cos(z @ self._frequencies + self._phases) @ self._weights).T
        return found


def drawn(rows: Rows, theta: Floats, n: int, n_rows: int, rng: Rng) -> Floats:
    """Return [n, 2 G + 2] hyperparameters from a normal distribution about the fit, as wide as the likelihood says.

    The curvature is that of the gradient's differences, on some of the rows: of `n_rows`, each counts for several.
    """
    kept = min(len(rows.y), curved(rows.n_groups))
    part = rows.take(np.linspace(0, len(rows.y) - 1, kept).astype(np.int64))
    d = distances(part.z, part.z, part.group, part.n_groups)
    size = len(theta)
    _, _, low, high = prior(rows.n_groups)
    here = value_and_gradient(theta, part, d)[1]
    curvature = np.empty((size, size))
    for i in range(size):
        there = theta.copy()
        there[i] += STEP
        curvature[i] = (value_and_gradient(there, part, d)[1] - here) / STEP
    curvature = np.nan_to_num((curvature + curvature.T) / 2, posinf=0.0, neginf=0.0) * (n_rows / len(part.y))
    values, vectors = np.linalg.eigh(curvature)
    deviation = 1.0 / np.sqrt(np.maximum(values, LEAST_CURVATURE))
    moved = theta + (rng.standard_normal((n, size)) * deviation) @ vectors.T
    found: Floats = np.clip(moved, low, high)
    return found


def curved(n_groups: int) -> int:
    """Return how many rows the curvature is looked at on: what a tenth of a second allows."""
    return int(np.clip(np.sqrt(1.2e5 / n_groups), 40, 150))
