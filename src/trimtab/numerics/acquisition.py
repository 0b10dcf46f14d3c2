"""Acquisition functions over means and deviations: what a point is worth before it is tried. Larger is better."""

from __future__ import annotations

import numpy as np

from trimtab.arrays import Floats

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_LOG_SQRT_HALF_PI = 0.5 * np.log(0.5 * np.pi)
_FAR = -1e3
_STEEP = -100.0
_PHI_0 = 1.0 / np.sqrt(2.0 * np.pi)
_NEWTON = 8  # steps after which the error is one of rounding for prices from 1e-14 to 1e11 deviations


def log_h(z: Floats) -> Floats:
    """Return log(phi(z) + z Phi(z)) without underflow: Ament et al., "Unexpected improvements..." (2023), eq. 9.

    phi and Phi are the standard normal density and distribution.
    """
    from scipy.special import erfcx, ndtr

    result = np.empty_like(z)
    near, far = z > -1.0, z <= _FAR
    mid = ~(near | far)
    if near.any():
        zn = z[near]
        result[near] = np.log(np.exp(-0.5 * zn * zn - _LOG_SQRT_2PI) + zn * ndtr(zn))
    if mid.any():
        zm = z[mid]
        ratio = np.log(erfcx(-zm / np.sqrt(2.0)) * -zm) + _LOG_SQRT_HALF_PI
        result[mid] = -0.5 * zm * zm - _LOG_SQRT_2PI + np.log(-np.expm1(ratio))
    if far.any():
        zf = z[far]
        result[far] = -0.5 * zf * zf - _LOG_SQRT_2PI + np.log1p(_tail(zf)) - 2.0 * np.log(-zf)
    return result


def _tail(z: Floats) -> Floats:
    """Return z**2 h(z) / phi(z) - 1 far below 0, of which the relative error is below 105 / z**6."""
    w = 1.0 / np.square(z)
    return w * (15.0 * w - 3.0)


def log_ei(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return [m] the logarithm of the expected improvement over `best` of normals with these means and deviations."""
    return np.log(deviation) + log_h((mean - best) / deviation)


def log_ei_with_gradient(mean: Floats, deviation: Floats, best: float) -> tuple[Floats, Floats, Floats]:
    """Return [m] log EI and its derivatives by mean and by deviation: Phi / (s h) and phi / (s h)."""
    from scipy.special import log_ndtr

    z = (mean - best) / deviation
    log_h_z = log_h(z)
    by_mean, by_deviation = np.empty_like(z), np.empty_like(z)
    far = z <= _FAR
    near = ~far
    zn = z[near]
    by_mean[near] = np.exp(log_ndtr(zn) - log_h_z[near])
    by_deviation[near] = np.exp(-0.5 * zn * zn - _LOG_SQRT_2PI - log_h_z[near])
    if far.any():
        zf = z[far]
        w = 1.0 / np.square(zf)
        by_deviation[far] = zf * zf / (1.0 + _tail(zf))  # as series: no logarithms of 1e20 to subtract
        by_mean[far] = -(1.0 + w * (3.0 * w - 1.0)) / zf * by_deviation[far]
    return np.log(deviation) + log_h_z, by_mean / deviation, by_deviation / deviation


def log_positive(mean: Floats, deviation: Floats, margin: float = 0.0) -> Floats:
    """Return [m] the logarithms of the probabilities that normals with these means and deviations are above 0.

    And that they are though `margin` deviations less: with Phi^-1(c), a chance of one half is given to what is above 0
    with probability c.
    """
    from scipy.special import log_ndtr

    probability: Floats = log_ndtr(mean / deviation - margin)
    return probability


def log_positive_with_gradient(mean: Floats, deviation: Floats, margin: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """Return what `log_positive` does, and its derivatives by mean and by deviation."""
    z = mean / deviation - margin
    value = log_positive(mean, deviation, margin)
    by_z = np.empty_like(z)
    far = z < _STEEP
    near = ~far
    by_z[near] = np.exp(-0.5 * np.square(z[near]) - _LOG_SQRT_2PI - value[near])
    by_z[far] = -z[far] - 1.0 / z[far]  # phi / Phi to 2 / z**3, without logarithms of any size to subtract
    return value, by_z / deviation, -by_z * mean / np.square(deviation)


def index(mean: Floats, deviation: Floats, price: Floats) -> tuple[Floats, Floats]:
    """Return [m] the Gittins index of a Pandora's box, and its derivative by the deviation; that by the mean is 1.

    The value over which the expected improvement is the price: Xie et al., 2024, arXiv 2406.20062. With r the price in
    deviations it is mean - z deviation, where h(z) = r; log h is concave, so that Newton's method climbs to z from any
    point before it, and does not pass it.

    Args:
        mean: [m] of normals.
        deviation: [m] of these, above 0.
        price: [m] above 0.
    """
    from scipy.special import log_ndtr

    ratio = price / deviation
    log_ratio = np.log(ratio)
    # h(z) < z + phi(0) where z > 0, and h(z) < phi(z) elsewhere
    z = np.where(ratio > _PHI_0, ratio - _PHI_0, -np.sqrt(np.maximum(0.0, -2.0 * (log_ratio + _LOG_SQRT_2PI))))
    for _ in range(_NEWTON):
        log_h_z, slope, _ = log_ei_with_gradient(z, np.ones_like(z), 0.0)
        z = z + (log_ratio - log_h_z) / slope
    return mean - z * deviation, np.exp(-0.5 * z * z - _LOG_SQRT_2PI - log_ndtr(z))
