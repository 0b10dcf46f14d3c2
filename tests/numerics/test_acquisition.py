"""Log expected improvement against arithmetic of fifty digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from trimtab.numerics.acquisition import log_ei, log_ei_with_gradient, log_h


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
