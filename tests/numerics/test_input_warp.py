"""Input warps: curves and their slopes, and that they are fitted where a scale is wrong and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.arrays import Floats
from trimtab.numerics.gp import Data, Prior, neg_log_posterior, slopes
from trimtab.numerics.input_warp import Curves, fit_curves

STEP = 1e-6
SHAPE = st.floats(-2.0, 2.0)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20), SHAPE, SHAPE)
def test_a_curve_rises_from_0_to_1(places: list[float], log_a: float, log_b: float) -> None:
    curves = Curves(np.array([log_a]), np.array([log_b]))
    warped = curves(np.array([0.0, *sorted(places), 1.0])[:, None])[:, 0]
    assert warped[0] == 0.0
    assert warped[-1] == 1.0
    assert (np.diff(warped) >= 0).all()
    assert np.isfinite(curves.slope(np.array(places)[:, None])).all()


def test_straight_curves_change_nothing() -> None:
    u = np.random.default_rng(0).random((20, 3))
    np.testing.assert_allclose(Curves(np.zeros(3), np.zeros(3))(u), u, atol=1e-15)


def test_slopes_are_those_of_differences() -> None:
    rng = np.random.default_rng(1)
    u = rng.uniform(0.05, 0.95, (8, 4))
    a, b = rng.normal(size=4), rng.normal(size=4)
    curves = Curves(a, b)
    np.testing.assert_allclose((curves(u + STEP) - curves(u - STEP)) / (2 * STEP), curves.slope(u), rtol=1e-6)
    by_a, by_b = curves.by_shape(u)
    np.testing.assert_allclose((Curves(a + STEP, b)(u) - Curves(a - STEP, b)(u)) / (2 * STEP), by_a, atol=1e-8)
    np.testing.assert_allclose((Curves(a, b + STEP)(u) - Curves(a, b - STEP)(u)) / (2 * STEP), by_b, atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_has_the_right_slope_in_every_coordinate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(0.0, 0.3, (9, 4))
    data = Data(z, rng.normal(size=9), np.array([0, 1, 1, 2]), 3, rng.uniform(0.5, 1, 9), rng.uniform(0, 0.1, 9))
    theta = Prior().centre(3) + rng.normal(0.0, 0.3, 6)
    *_, by_z = slopes(theta, data, Prior())
    for i, q in np.ndindex(z.shape):
        high, low = (neg_log_posterior(theta, _moved(data, i, q, by), Prior())[0] for by in (STEP, -STEP))
        assert by_z[i, q] == pytest.approx((high - low) / (2 * STEP), abs=1e-6)


def _moved(data: Data, row: int, column: int, by: float) -> Data:
    z = data.z.copy()
    z[row, column] += by
    return replace(data, z=z)


def _fitted(y: Floats, u: Floats) -> Curves:
    n, p = u.shape
    data = Data(u - 0.5, y - y.mean(), np.arange(p), p, np.ones(n), np.zeros(n))
    return fit_curves(data, u, np.ones(u.shape, dtype=bool), np.arange(p), Prior(), Prior().centre(p), 60)[1]


def test_a_logarithmic_objective_on_a_linear_scale_is_stretched_where_it_is_steep() -> None:
    u = np.random.default_rng(0).random((60, 2))
    curves = _fitted(np.sin(2.0 * np.log10(u[:, 0] + 1e-4)) + 0.3 * u[:, 1], u)
    low, high = curves.slope(np.array([[0.02, 0.02], [0.9, 0.9]]))
    assert low[0] > 5.0 * high[0]
    assert abs(curves.log_a[1]) < 0.3
    assert abs(curves.log_b[1]) < 0.3
