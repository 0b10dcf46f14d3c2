"""Acquisition functions over means and deviations: what a point is worth before it is tried. Larger is better."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_LOG_SQRT_HALF_PI = 0.5 * np.log(0.5 * np.pi)
_FAR = -1.0 / np.sqrt(np.finfo(np.float64).eps)


def log_h(z: Floats) -> Floats:
    """Return log(phi(z) + z Phi(z)) without underflow: Ament et al., "Unexpected improvements..." (2023), eq. 9.

    phi and Phi are the standard normal density and distribution.
    """
    from scipy.special import erfcx, ndtr

    result = np.empty_like(z)
    near = z > -1.0
    zn = z[near]
    result[near] = np.log(np.exp(-0.5 * zn * zn - _LOG_SQRT_2PI) + zn * ndtr(zn))
    mid = ~near & (z > _FAR)
    zm = z[mid]
    ratio = np.log(erfcx(-zm / np.sqrt(2.0)) * -zm) + _LOG_SQRT_HALF_PI
    result[mid] = -0.5 * zm * zm - _LOG_SQRT_2PI + np.log(-np.expm1(np.minimum(ratio, -1e-300)))
    far = z <= _FAR
    zf = z[far]
    result[far] = -0.5 * zf * zf - _LOG_SQRT_2PI - 2.0 * np.log(-zf)
    return result


def log_ei(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return [m] the logarithm of the expected improvement over `best` of normals with these means and deviations."""
    return np.log(deviation) + log_h((mean - best) / deviation)


def log_ei_with_gradient(mean: Floats, deviation: Floats, best: float) -> tuple[Floats, Floats, Floats]:
    """Return [m] log EI and its derivatives by mean and by deviation: Phi / (s h) and phi / (s h)."""
    from scipy.special import log_ndtr

    z = (mean - best) / deviation
    log_h_z, log_s = log_h(z), np.log(deviation)
    by_mean = np.exp(log_ndtr(z) - log_h_z - log_s)
    by_deviation = np.exp(-0.5 * z * z - _LOG_SQRT_2PI - log_h_z - log_s)
    return log_s + log_h_z, by_mean, by_deviation


def log_positive(mean: Floats, deviation: Floats) -> Floats:
    """Return [m] the logarithms of the probabilities that normals with these means and deviations are above 0."""
    from scipy.special import log_ndtr

    probability: Floats = log_ndtr(mean / deviation)
    return probability
