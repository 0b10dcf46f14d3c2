"""Log expected improvement and its gradient against arithmetic of a hundred digits, wherever it may be asked."""

from __future__ import annotations

from functools import cache

import mpmath
import numpy as np
import pytest

from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient, log_h, log_positive

EDGES = [-1e3 - 1e-9, -1e3, -1e3 + 1e-9, -1 - 1e-12, -1.0, -1 + 1e-12, 0.0]
"""Where one formula takes over from another."""

Z = np.array([*-np.logspace(10, -3, 120), *EDGES, *np.logspace(-3, np.log10(40), 40)])
DEVIATIONS = [1e-12, 1e-6, 1.0, 1e3]


@cache
def exactly(z: float) -> tuple[float, float, float]:
    """Return log h(z), Phi(z) / h(z) and phi(z) / h(z); h loses 20 digits of its 120 at z = -1e10."""
    with mpmath.workdps(120):
        exact = mpmath.mpf(z)
        density, probability = mpmath.npdf(exact), mpmath.ncdf(exact)
        h = density + exact * probability
        return float(mpmath.log(h)), float(probability / h), float(density / h)


def test_the_reference_is_right_where_it_is_known() -> None:
    """h(0) = 1/sqrt(2 pi), and far down h = phi / z**2 (1 - 3/z**2 + ...)."""
    assert exactly(0.0)[0] == pytest.approx(-0.5 * np.log(2 * np.pi), rel=1e-15)
    assert exactly(-1e6)[2] == pytest.approx(1e12 * (1 + 3e-12), rel=1e-14)


@pytest.mark.parametrize("deviation", DEVIATIONS)
@pytest.mark.parametrize("best", [0.0, -2.0])
def test_log_ei_is_right_to_eight_digits(deviation: float, best: float) -> None:
    mean = best + Z * deviation
    z = (mean - best) / deviation  # what is left of z once best was added
    expected = np.array([exactly(float(value))[0] for value in z]) + np.log(deviation)
    found = log_ei(mean, np.full(len(Z), deviation), best)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_its_gradient_is_right_to_eight_digits(deviation: float) -> None:
    mean = Z * deviation
    z = mean / deviation
    value, by_mean, by_deviation = log_ei_with_gradient(mean, np.full(len(Z), deviation), 0.0)
    np.testing.assert_array_equal(value, log_ei(mean, np.full(len(Z), deviation), 0.0))
    slope, density = np.array([exactly(float(each))[1:] for each in z]).T
    np.testing.assert_allclose(by_mean, slope / deviation, rtol=1e-8)
    np.testing.assert_allclose(by_deviation, density / deviation, rtol=1e-8, atol=1e-300)


def test_log_h_is_smooth_where_formulas_meet() -> None:
    """A step between two formulas would be a cliff to climb; the slope of log h is Phi / h."""
    for edge in (-1.0, -1e3):
        z = edge * (1 + np.arange(-20, 21) * 1e-9)
        line = log_h(z)[20] + (z - z[20]) * exactly(edge)[1]
        np.testing.assert_allclose(log_h(z), line, rtol=4e-16 * 10, atol=1e-15)


@pytest.mark.parametrize("ratio", [-1e8, -1e4, -40.0, -5.0, -0.1, 0.0, 0.1, 5.0, 8.0])
def test_the_chance_of_being_positive(ratio: float) -> None:
    with mpmath.workdps(60):
        expected = float(mpmath.log(mpmath.ncdf(mpmath.mpf(ratio))))
    found = log_positive(np.array([ratio * 0.3]), np.array([0.3]))[0]
    assert found == pytest.approx(expected, rel=1e-8)
