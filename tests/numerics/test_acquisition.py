"""Log expected improvement against arithmetic of fifty digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from trimtab.numerics.acquisition import index, log_ei, log_ei_with_gradient, log_h


def exact_log_h(z: float) -> float:
    with mpmath.workdps(60):
        z_ = mpmath.mpf(z)
        return float(mpmath.log(mpmath.npdf(z_) + z_ * mpmath.ncdf(z_)))


@pytest.mark.parametrize("z", [50.0, 3.0, 0.5, 0.0, -0.5, -0.999, -1.0, -1.001, -5.0, -26.0, -38.0, -200.0, -5e3])
def test_log_h_is_right_to_eight_digits(z: float) -> None:
    assert log_h(np.array([z]))[0] == pytest.approx(exact_log_h(z), rel=1e-8, abs=1e-8)


def test_log_h_is_monotone_over_its_branches() -> None:
    z = np.concatenate([-np.logspace(12, -3, 4000), np.logspace(-3, 3, 1000)])
    values = log_h(z)
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) > 0)


def test_gradient_by_mean_and_deviation() -> None:
    mean, deviation = np.array([-3.0, 0.0, 0.4, -40.0]), np.array([0.5, 1.0, 0.2, 1.0])
    _, by_mean, by_deviation = log_ei_with_gradient(mean, deviation, 0.3)
    h = 1e-6
    numeric = (log_ei(mean + h, deviation, 0.3) - log_ei(mean - h, deviation, 0.3)) / (2 * h)
    np.testing.assert_allclose(by_mean, numeric, rtol=1e-5)
    numeric = (log_ei(mean, deviation + h, 0.3) - log_ei(mean, deviation - h, 0.3)) / (2 * h)
    np.testing.assert_allclose(by_deviation, numeric, rtol=1e-5)


def test_over_the_index_the_expected_improvement_is_the_price() -> None:
    rng = np.random.default_rng(0)
    mean, deviation, price = rng.normal(size=500), np.exp(rng.normal(-2, 3, 500)), np.exp(rng.normal(-4, 8, 500))
    found, _ = index(mean, deviation, price)
    gained = np.array([float(log_ei(mean[[i]], deviation[[i]], found[i])[0]) for i in range(500)])
    assert gained == pytest.approx(np.log(price), abs=1e-9)


def test_gradient_of_the_index() -> None:
    deviation, price, step = np.array([1e-3, 0.1, 1.0, 2.0]), np.array([1e-6, 0.2, 1e-3, 3.0]), 1e-6
    _, by_deviation = index(np.zeros(4), deviation, price)
    up, down = (index(np.zeros(4), deviation * (1 + sign * step), price)[0] for sign in (1, -1))
    assert by_deviation == pytest.approx((up - down) / (2 * step * deviation), rel=1e-5)
