from __future__ import annotations

import numpy as np
import pytest

from trimtab.arrays import Floats
from trimtab.numerics.hypervolume import Improvement, boxes, hypervolume, thinned


def some_front(k: int, n: int, seed: int) -> Floats:
    """Return [n, k] points on a sphere, none of which dominates another."""
    points = np.abs(np.random.default_rng(seed).standard_normal((n, k)))
    return np.asarray(points / np.linalg.norm(points, axis=1)[:, None])


@pytest.mark.parametrize(("k", "n"), [(1, 1), (2, 1), (2, 12), (3, 9), (4, 6)])
def test_boxes_are_disjoint_and_hold_all_that_is_not_dominated(k: int, n: int) -> None:
    front, reference = some_front(k, n, 1), np.full(k, -0.1)
    lower, upper = boxes(front, reference)
    points = np.random.default_rng(0).uniform(-0.1, 1.5, (4000, k))
    n_in = ((points[:, None] >= lower) & (points[:, None] < upper)).all(axis=2).sum(axis=1)
    is_dominated = (points[:, None] <= front).all(axis=2).any(axis=1)
    np.testing.assert_array_equal(n_in, ~is_dominated)


def test_a_hypervolume_by_hand() -> None:
    front = np.array([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5], [3.0, -1.0]])
    assert hypervolume(front, np.zeros(2)) == pytest.approx(3.0)
    assert hypervolume(np.array([[1.0, 2.0, 3.0], [2.0, 1.0, 3.0]]), np.zeros(3)) == pytest.approx(9.0)
    assert hypervolume(-front, np.zeros(2)) == 0.0


@pytest.mark.parametrize("k", [2, 3])
def test_expected_improvement_is_the_mean_of_improvements(k: int) -> None:
    rng = np.random.default_rng(3)
    front, reference = some_front(k, 5, 2), np.zeros(k)
    mean, deviation = rng.uniform(0.4, 0.9, (1, k)), rng.uniform(0.1, 0.4, (1, k))
    before = hypervolume(front, reference)
    drawn = mean + deviation * rng.standard_normal((2000, k))
    gains = [hypervolume(np.vstack([front, y]), reference) - before for y in drawn]
    expected = float(np.exp(Improvement(front, reference).log_expected(mean, deviation)[0]))
    assert expected == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / 2000**0.5)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("at", [0.5, -3.0, 4.0])
def test_the_gradient_is_that_of_the_logarithm(k: int, at: float) -> None:
    rng = np.random.default_rng(k)
    improvement = Improvement(some_front(k, 6, 0), np.zeros(k))
    mean, deviation = at + rng.random((3, k)), rng.uniform(0.05, 0.3, (3, k))
    value, by_mean, by_deviation = improvement.log_expected_with_gradient(mean, deviation)
    np.testing.assert_allclose(value, improvement.log_expected(mean, deviation))
    for i in range(k):
        step = 1e-6 * (np.arange(k) == i)
        for by, up, down in (
            (by_mean, (mean + step, deviation), (mean - step, deviation)),
            (by_deviation, (mean, deviation + step), (mean, deviation - step)),
        ):
            rise = improvement.log_expected(*up) - improvement.log_expected(*down)
            np.testing.assert_allclose(by[:, i], rise / 2e-6, rtol=1e-4, atol=1e-4)


def test_far_below_a_front_there_is_still_a_slope_towards_it() -> None:
    improvement = Improvement(some_front(2, 6, 0), np.zeros(2))
    value, by_mean, _ = improvement.log_expected_with_gradient(np.full((1, 2), -50.0), np.full((1, 2), 0.01))
    assert np.isfinite(value).all()
    assert (by_mean > 0.0).all()


def test_a_front_that_is_thinned_dominates_what_was_left_out() -> None:
    front = some_front(3, 100, 0)
    fewer = thinned(front, 60)
    assert len(fewer) <= 60
    assert (fewer[:, None] >= front).all(axis=2).any(axis=0).all()
    assert hypervolume(fewer, np.zeros(3)) < 1.15 * hypervolume(front, np.zeros(3))
    np.testing.assert_array_equal(thinned(front[:20], 20), front[:20])
