"""Functions drawn from a Gaussian process, each of which can be looked at anywhere, and hyperparameters drawn too.

A draw from the prior is a sum of cosines (Rahimi & Recht, "Random features for large-scale kernel machines", 2007);
what it misses of the labels is made up for by the kernel (Matheron's rule: Wilson et al., "Efficiently sampling
functions from Gaussian process posteriors", 2020, eq. 13). The spectral density of a Matérn-5/2 kernel of unit
lengthscales is a t distribution with 5 degrees of freedom (Rasmussen & Williams, 2006, eq. 4.15). The trend has few
weights, which are drawn exactly.
"""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats, Rng
from trimtab.numerics.gp import N_SCALES, Data, Posterior, Prior, neg_log_posterior

FEATURES = 256
"""Cosines of a draw. By taste: the kernel repairs near the rows what so few miss, and more cost more."""

STEP = 0.05
"""Of the differences that make the curvature, in logarithms: small against 1, large against what a fit leaves open."""

LEAST_CURVATURE = 0.5
"""A direction in which the likelihood is flatter than that gives deviations of 1.4 in the logarithm at most: beyond,
what is drawn is nothing that the rows say."""


class Path:
    """One function of the posterior.

    Args:
        data: what was seen.
        theta: the hyperparameters.
        rng: draws it.
    """

    def __init__(self, data: Data, theta: Floats, rng: Rng) -> None:
        self._posterior = Posterior(data, theta)
        amplitude, trend, noise = np.exp(theta[:N_SCALES]).tolist()
        self._scale = np.exp(-0.5 * theta[N_SCALES:])[data.group]
        q = len(data.group)
        spread = np.sqrt(5.0 / rng.chisquare(5.0, FEATURES))
        self._frequencies = rng.standard_normal((q, FEATURES)) * spread * self._scale[:, None]
        self._phases = rng.uniform(0.0, 2.0 * np.pi, FEATURES)
        self._weights = rng.standard_normal(FEATURES) * np.sqrt(2.0 * amplitude / FEATURES)
        self._linear = rng.standard_normal(q) * np.sqrt(trend)
        self._square = rng.standard_normal(q) * np.sqrt(trend) * 2.0
        deviation = np.sqrt(noise * data.noise_share + data.known + 1e-8 * amplitude)
        told = data.y - self._prior(data.z) - deviation * rng.standard_normal(len(data.y))
        self._correction = self._posterior.solve(told)

    def __call__(self, z: Floats) -> Floats:
        """Return [m] its values at [m, Q]."""
        found: Floats = self._prior(z) + self._posterior.covariances(z).T @ self._correction
        return found

    def _prior(self, z: Floats) -> Floats:
        waves = np.cos(z @ self._frequencies + self._phases) @ self._weights
        found: Floats = waves + z @ self._linear + (z * z) @ self._square
        return found


def drawn_thetas(data: Data, prior: Prior, theta: Floats, n: int, rng: Rng) -> Floats:
    """Return [n, G + 3] hyperparameters from a normal distribution about the fit, as wide as the likelihood says.

    The curvature is taken along each logarithm by itself and between them, by differences of the gradient.
    """
    size = len(theta)
    low, high = np.array(prior.bounds(data.n_groups)).T
    curvature = np.empty((size, size))
    for i in range(size):
        step = STEP if theta[i] + STEP <= high[i] else -STEP
        there = theta.copy()
        there[i] += step
        back = theta.copy()
        back[i] -= step
        curvature[i] = (neg_log_posterior(there, data, prior)[1] - neg_log_posterior(back, data, prior)[1]) / (2 * step)
    curvature = np.nan_to_num((curvature + curvature.T) / 2, posinf=0.0, neginf=0.0)
    values, vectors = np.linalg.eigh(curvature)
    deviation = 1.0 / np.sqrt(np.maximum(values, LEAST_CURVATURE))
    drawn = theta + (rng.standard_normal((n, size)) * deviation) @ vectors.T
    found: Floats = np.clip(drawn, low, high)
    return found
